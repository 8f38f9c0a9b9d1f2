"""qmail_user against a real slapd with the role's own configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from module_utils.qmail_user.converge import converge
from module_utils.qmail_user.plan import DirectoryError, RefusedError
from tests.private_slapd import ROOT, SUFFIX, PrivateSlapd

HARDY: dict[str, Any] = {
    "uid": "hardyjm",
    "cn": "Jeffrey M. Hardy",
    "sn": "Hardy",
    "mail": "hardyjm@madstop.test",
    "mailAlternateAddress": ["hardy@madstop.test", "hardyjm-null@madstop.test"],
    "mailHost": "hermes.madstop.test",
    "accountStatus": "active",
    "userPassword": "correct horse",
}


@pytest.fixture(scope="module")
def slapd() -> Iterator[PrivateSlapd]:
    with PrivateSlapd() as server:
        make(server, server.skeleton())
        yield server


@pytest.fixture
def empty(slapd: PrivateSlapd) -> PrivateSlapd:
    """Give the server with nobody in it."""
    names = [line.removeprefix("dn: ") for line in slapd.search("(uid=*)", "dn").splitlines() if line.startswith("dn: ")]
    make(slapd, [{"dn": name, "state": "absent"} for name in names])
    return slapd


def make(slapd: PrivateSlapd, objects: Any, *, check: bool = False, **options: Any) -> dict[str, Any]:
    return converge(objects, slapd.options(**options), check=check, diff=True)


def values(slapd: PrivateSlapd, uid: str, name: str) -> list[str]:
    lines = slapd.search(f"(uid={uid})", name).splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")]


def person(number: int) -> dict[str, Any]:
    return {"uid": f"p{number}", "cn": f"Person {number}", "sn": "Person", "mail": f"p{number}@madstop.test", "mailHost": "a.madstop.test"}


def test_created_then_unchanged_by_one_search(empty: PrivateSlapd) -> None:
    people = [person(number) for number in range(500)]
    first = make(empty, people)
    again = make(empty, people)
    assert first["counts"] == {"created": 500, "modified": 0, "deleted": 0, "unchanged": 0}
    assert again["counts"] == {"created": 0, "modified": 0, "deleted": 0, "unchanged": 500}
    assert (again["changed"], again["searches"]) == (False, 1)


def test_unchanged_writes_nothing(empty: PrivateSlapd) -> None:
    make(empty, [HARDY])
    before = empty.search("-s", "base", "contextCSN")
    assert not make(empty, [{**HARDY, "mail": "HARDYJM@madstop.test", "mailHost": "Hermes.Madstop.Test"}])["changed"]
    assert empty.search("-s", "base", "contextCSN") == before
    make(empty, [{**HARDY, "sn": "hardy"}])
    assert empty.search("-s", "base", "contextCSN") != before


def test_only_the_difference_is_written(empty: PrivateSlapd) -> None:
    make(empty, [HARDY])
    empty.tool("ldapmodify", stdin=f"dn: uid=hardyjm,ou=People,{SUFFIX}\nchangetype: modify\nadd: description\ndescription: by hand\n")
    result = make(empty, [{**HARDY, "mailAlternateAddress": ["hardy@madstop.test", "jeff@madstop.test"], "accountStatus": None}])
    assert result["counts"]["modified"] == 1
    assert sorted(values(empty, "hardyjm", "mailAlternateAddress")) == ["hardy@madstop.test", "jeff@madstop.test"]
    assert values(empty, "hardyjm", "accountStatus") == []
    assert values(empty, "hardyjm", "description") == ["by hand"]
    audit = empty.search("(&(objectClass=auditModify)(reqMod=mailAlternateAddress*))", "reqMod", base="cn=accesslog")
    last = audit.strip().split("\n\n")[-1]
    assert "mailAlternateAddress:- hardyjm-null@madstop.test" in last
    assert "hardy@madstop.test\n" not in last


def test_check_mode_says_and_does_nothing(empty: PrivateSlapd) -> None:
    result = make(empty, [HARDY], check=True)
    assert result["changes"]["created"] == [f"uid=hardyjm,ou=People,{SUFFIX}"]
    assert "dn:" not in empty.search("(uid=hardyjm)", "dn")


def test_an_empty_machine_is_predicted() -> None:
    with PrivateSlapd() as server:
        nowhere = server.options(uri="ldapi://%2Fnonexistent%2Fldapi")
    assert converge([HARDY], nowhere, check=True, diff=False)["counts"]["created"] == 1
    with pytest.raises(DirectoryError):
        converge([HARDY], nowhere, check=False, diff=False)


def test_no_secret_is_shown_and_none_is_stored_in_the_clear(empty: PrivateSlapd) -> None:
    result = make(empty, [HARDY])
    assert "userPassword: ********" in str(result)
    assert "correct horse" not in str(result)
    stored = empty.tool("ldapsearch", "-LLL", "-b", SUFFIX, "(uid=hardyjm)", "userPassword").stdout
    assert "userPassword:: e0FSR09O" in stored  # {ARGON
    everything = empty.search("(objectClass=*)", base="cn=accesslog")
    assert "correct horse" not in everything
    assert "Y29ycmVjdCBob3JzZQ" not in everything


def test_a_persons_own_password_stays(empty: PrivateSlapd) -> None:
    make(empty, [HARDY])
    assert not make(empty, [{**HARDY, "userPassword": "another one"}])["changed"]
    forced = [{**HARDY, "userPassword": "another one", "update_password": "always"}]
    assert make(empty, forced)["counts"]["modified"] == 1
    assert not make(empty, forced)["changed"]


def test_an_address_moves_within_one_call(empty: PrivateSlapd) -> None:
    giver, taker = person(1), person(2)
    make(empty, [{**giver, "mailAlternateAddress": "shared@madstop.test"}, taker])
    make(empty, [{**taker, "mailAlternateAddress": "shared@madstop.test"}, {**giver, "mailAlternateAddress": []}])
    assert values(empty, "p2", "mailAlternateAddress") == ["shared@madstop.test"]


@pytest.mark.parametrize("many", [1, 300], ids=["asked one by one", "all read"])
def test_a_second_owner_in_the_directory_is_refused(empty: PrivateSlapd, many: int) -> None:
    make(empty, [HARDY])
    thief = [{**person(number), "mailAlternateAddress": "Hardy@madstop.test" if number == 0 else []} for number in range(many)]
    with pytest.raises(RefusedError, match=r"uid=p0,.*: hardy@madstop.test belongs to uid=hardyjm,ou=People"):
        make(empty, thief)
    assert "dn:" not in empty.search("(uid=p0)", "dn")


def test_the_directory_refuses_a_second_owner_too(empty: PrivateSlapd) -> None:
    make(empty, [HARDY])
    classes = "objectClass: inetOrgPerson\nobjectClass: qmailUser"
    ldif = f"dn: uid=x,ou=People,{SUFFIX}\n{classes}\nuid: x\ncn: x\nsn: x\nmail: hardyjm@madstop.test\n"
    assert "non-unique attributes found" in empty.tool("ldapadd", stdin=ldif, check=False).stderr


def test_an_alias_with_a_dn_and_names_that_need_escapes(empty: PrivateSlapd) -> None:
    alias = {
        "dn": f"uid=c\\,t*s (x),ou=Aliases,{SUFFIX}",
        "objectClass": ["account", "qmailUser", "qmailGroup"],
        "mail": "cts@madstop.test",
        "mailAlternateAddress": "cts-catchall@madstop.test",
        "mailMessageStore": "/mnt/home/cts/Maildir",
        "rfc822member": "helpdesk@madstop.test",
        "senderconfirm": False,
    }
    make(empty, [alias])
    assert not make(empty, [{**alias, "dn": f"uid=c\\2Ct\\2as \\28x\\29, ou=Aliases, {SUFFIX}"}])["changed"]
    assert make(empty, [{"dn": alias["dn"], "state": "absent"}])["counts"]["deleted"] == 1


def test_parents_come_before_children(empty: PrivateSlapd) -> None:
    unit = f"ou=Faculty,ou=People,{SUFFIX}"
    objects = [
        {**person(7), "dn": f"uid=p7,ou=Maths,{unit}"},
        {"dn": f"ou=Maths,{unit}", "objectClass": ["organizationalUnit"]},
        {"dn": unit, "objectClass": ["organizationalUnit"]},
    ]
    assert make(empty, objects)["counts"]["created"] == 3
    gone = make(empty, [{"dn": item["dn"], "state": "absent"} for item in reversed(objects)])
    assert gone["counts"]["deleted"] == 3


def test_the_server_refusal_names_the_entry(empty: PrivateSlapd) -> None:
    with pytest.raises(DirectoryError, match=r"uid=p1,ou=Nowhere.*noSuchObject.*0 entries were written"):
        make(empty, [{**person(1), "dn": f"uid=p1,ou=Nowhere,{SUFFIX}"}])


def test_over_the_network_as_the_provisioner(empty: PrivateSlapd) -> None:
    who: dict[str, Any] = {"uri": empty.tcp, "ca_file": str(empty.ca), "bind_dn": f"cn=provisioner,ou=Services,{SUFFIX}"}
    assert make(empty, [HARDY], **who, bind_password="provisioner-secret")["counts"]["created"] == 1
    assert not make(empty, [HARDY], **who, bind_password="provisioner-secret")["changed"]
    with pytest.raises(DirectoryError, match="refuses cn=provisioner"):
        make(empty, [HARDY], **who, bind_password="wrong")
    with pytest.raises(DirectoryError, match=r"(?i)certificate"):
        make(empty, [HARDY], **{**who, "ca_file": None}, bind_password="provisioner-secret")


def test_the_clear_is_refused(empty: PrivateSlapd) -> None:
    who: dict[str, Any] = {
        "uri": empty.tcp,
        "start_tls": False,
        "bind_dn": f"cn=provisioner,ou=Services,{SUFFIX}",
        "bind_password": "provisioner-secret",
    }
    with pytest.raises(DirectoryError, match="confidentialityRequired"):
        make(empty, [HARDY], **who)


@pytest.fixture
def play(empty: PrivateSlapd) -> Callable[..., str]:
    """Run the module as Ansible does, with everything that Ansible can be made to say."""

    def run(arguments: dict[str, Any], *words: str) -> str:
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local", "-m", "qmail_user", "-vvv"]
        interpreter = ["-e", f"ansible_python_interpreter={sys.executable}"]
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        words = (*interpreter, "-a", json.dumps({"base": SUFFIX, "uri": empty.uri, **arguments}), *words)
        done = subprocess.run([*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run


def test_as_a_task_nothing_tells_a_password(play: Callable[..., str], empty: PrivateSlapd) -> None:
    for told in (play({"objects": [HARDY]}, "--check", "--diff"), play({"objects": [HARDY]}, "--diff"), play({"objects": [HARDY]})):
        assert "FAILED" not in told
        assert "correct horse" not in told
    assert values(empty, "hardyjm", "mailHost") == ["hermes.madstop.test"]
    refused = play({"objects": [{**HARDY, "mailHots": "x"}]})
    assert "Nothing was written. hardyjm: mailHots: no such attribute, did you mean mailHost?" in refused
    assert "correct horse" not in refused


def test_as_a_task_from_a_file(play: Callable[..., str], empty: PrivateSlapd, tmp_path: Path) -> None:
    source = tmp_path / "people.json"
    source.write_text(json.dumps([HARDY]))
    assert "CHANGED" in play({"source": str(source)})
    assert "SUCCESS" in play({"source": str(source)})
    assert values(empty, "hardyjm", "sn") == ["Hardy"]
    source.write_text("{}")
    assert "does not hold a JSON list of objects" in play({"source": str(source)})
