"""What qmail_user decides, as tables of in and out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.qmail_user.order import levels, release_first
from module_utils.qmail_user.plan import (
    Entry,
    Plan,
    RefusedError,
    Wanted,
    count_plan,
    entry_changes,
    make_plan,
    parse_objects,
)
from module_utils.qmail_user.report import diff_of
from module_utils.qmail_user.schema import ATTRIBUTES, CLASSES
from module_utils.qmail_user.values import canonical_values, dn_key, escape_dn_value, escape_filter_value, split_dn, unescape_dn_value

PEOPLE = "ou=People,o=madstop.test"
PERSON = {"uid": "ann", "cn": "Ann", "sn": "Johnson", "mail": "ann@madstop.test"}
CLASSES_OF_A_PERSON = ["inetOrgPerson", "qmailUser"]


def parse(*objects: dict[str, Any]) -> list[Wanted]:
    return parse_objects(objects, PEOPLE, password_follows=False)


def plan(*objects: dict[str, Any], existing: dict[str, dict[str, list[str]]] | None = None, hosts: list[str] | None = None) -> Plan:
    entries = {dn_key(dn): Entry(dn, attributes) for dn, attributes in (existing or {}).items()}
    return make_plan(parse(*objects), entries, classes=CLASSES_OF_A_PERSON, mail_hosts=hosts or [])


def ann(**changes: list[str]) -> dict[str, dict[str, list[str]]]:
    """Ann as a directory has her."""
    held = {name: [value] for name, value in PERSON.items()} | {"objectclass": CLASSES_OF_A_PERSON} | changes
    return {f"uid=ann,{PEOPLE}": held}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mailQuotaSize", 0, ["0"]),
        ("mailQuotaSize", "1000", ["1000"]),
        ("senderconfirm", False, ["FALSE"]),
        ("senderconfirm", "true", ["TRUE"]),
        ("mailAlternateAddress", "a@b.c", ["a@b.c"]),
        ("mailAlternateAddress", ["a@b.c", "A@B.C"], ["a@b.c"]),
        ("mailAlternateAddress", "catchall@alumni.madstop.test", ["catchall@alumni.madstop.test"]),
        ("mailAlternateAddress", None, []),
        ("mailAlternateAddress", [], []),
        ("description", ["x", "X"], ["x", "X"]),
        ("telephoneNumber", 123, ["123"]),
        ("qmailAccountPurge", "1700000000", ["1700000000"]),
        ("posthouseWamTime", "20100224054000Z", ["20100224054000Z"]),
        ("mailReplyText", "Grüße\naus Łódź", ["Grüße\naus Łódź"]),
        ("accountStatus", "Disabled", ["Disabled"]),
        ("MAILHOST", "hermes.madstop.test", ["hermes.madstop.test"]),
        ("dnmember", "uid=a, ou=People,o=x", ["uid=a, ou=People,o=x"]),
    ],
)
def test_values_are_spelt_as_ldap_does(name: str, value: Any, expected: list[str]) -> None:
    assert canonical_values(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("mailQuotaSize", "0 (unlimited)", "not a whole number"),
        ("mailQuotaSize", "007", "not a whole number"),
        ("mailQuotaSize", -1, "negative"),
        ("mailQuotaSize", True, "quote it"),
        ("senderconfirm", "perhaps", "not true or false"),
        ("mail", "hardyjm", "not an address"),
        ("mail", "@madstop.test", "not an address"),
        ("mail", "a b@madstop.test", "not an address"),
        ("mail", "a@b@madstop.test", "not an address"),
        ("mail", "a@madstop..test", "not an address"),
        ("mail", "a@-madstop.test", "not an address"),
        ("mail", "a@localhost", "not an address"),
        ("mail", ".a@madstop.test", "not an address"),
        ("mail", "a@madstop.test\n", "control character"),
        ("mail", "ü@madstop.test", "outside ASCII"),
        ("mail", f"{'a' * 65}@madstop.test", "not an address"),
        ("accountStatus", "disbled", "none of active, deleted, disabled, noaccess"),
        ("deliveryMode", ["reply", "nolocl"], "none of"),
        ("qmailDotMode", "none", "none of"),
        ("mailHost", "hermes_madstop", "not a host name"),
        ("mailHost", ["a.b", "c.d"], "2 values where one is permitted"),
        ("homeDirectory", "mnt/home/a", "not an absolute path"),
        ("posthouseWamTime", "yesterday", "not a time"),
        ("qmailAccountPurge", "1e9", "not digits"),
        ("dnmember", "hardyjm", "not a DN"),
        ("cn", " ", "is empty"),
        ("cn", {"a": 1}, "quote it"),
        ("mailReplyText", "x" * 4097, "longer than 4096"),
    ],
)
def test_values_that_are_none_are_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        canonical_values(name, value)
    assert str(caught.value).startswith(f"{name}: ")


def test_a_bad_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="quote it") as caught:
        canonical_values("userPassword", 12.5)
    assert "12.5" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"mailHots": "x"}, "mailHots: no such attribute, did you mean mailHost"),
        ({"Mail": "b@madstop.test"}, "given twice, in different cases"),
        ({"state": "gone"}, "neither present nor absent"),
        ({"update_password": "never"}, "neither always nor on_create"),
        ({"dn": f"uid=bob,{PEOPLE}"}, "uid: ann does not name the entry uid=bob"),
        ({"dn": "nonsense"}, "not a DN"),
        ({"uid": ["ann", "bob"]}, "needs a dn or one uid"),
    ],
)
def test_faults_name_their_object(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as caught:
        parse({**PERSON, "uid": "good", "mail": "good@madstop.test"}, {**PERSON, **changed})
    assert len(caught.value.reasons) == 1
    assert caught.value.reasons[0].startswith(str(changed.get("dn", "ann" if changed.get("uid") is None else "['ann'")))


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([{**PERSON, "rfc822member": "x@madstop.test"}], "rfc822member: not permitted by its classes .inetOrgPerson, qmailUser"),
        ([{"uid": "ann", "mail": "ann@madstop.test"}], "lacks cn, sn, which its classes require"),
        ([{**PERSON, "objectClass": ["posixAccount", "inetOrgPerson", "qmailUser"]}], "lacks gidNumber, homeDirectory, uidNumber"),
        ([{**PERSON, "mailHost": "atlas.madstop.test"}], "mailHost: atlas.madstop.test is no mailstore .helios.madstop.test, hermes"),
        ([PERSON, {**PERSON, "uid": "bob"}], "ann@madstop.test belongs to uid=ann"),
        ([PERSON, {**PERSON, "uid": "bob", "mail": "b@madstop.test", "mailAlternateAddress": "ANN@madstop.test"}], "belongs to uid=ann"),
        ([PERSON, {**PERSON, "uid": "ANN", "mail": "b@madstop.test"}], "stands in the list twice"),
    ],
)
def test_refused_before_the_first_write(objects: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        plan(*objects, hosts=["hermes.madstop.test", "helios.madstop.test"])


def test_a_class_we_do_not_know_leaves_its_attributes_to_the_server() -> None:
    assert plan({**PERSON, "objectClass": ["inetOrgPerson", "qmailUser", "sambaSamAccount"], "host": "x"}).create


def test_an_owner_in_the_directory_counts_unless_he_goes() -> None:
    bob = {**PERSON, "uid": "bob"}
    with pytest.raises(RefusedError, match="belongs to uid=ann"):
        plan(bob, existing=ann())
    assert count_plan(plan(bob, {"uid": "ann", "state": "absent"}, existing=ann())) == {
        "created": 1,
        "modified": 0,
        "deleted": 1,
        "unchanged": 0,
    }
    assert plan(bob, {"uid": "ann", "mail": "ann2@madstop.test"}, existing=ann()).create


def test_strangers_who_share_an_address_are_not_our_business() -> None:
    others = {f"uid={uid},{PEOPLE}": {"mail": ["same@madstop.test"], "objectclass": ["qmailUser"]} for uid in ("x", "y")}
    assert plan(PERSON, existing=others).create


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        ({"mail": "ANN@madstop.test"}, {}, []),
        ({"sn": "johnson"}, {}, [("delete", "sn", ["Johnson"]), ("add", "sn", ["johnson"])]),
        ({"description": "x"}, {}, [("add", "description", ["x"])]),
        ({"description": None}, {"description": ["x"]}, [("delete", "description", [])]),
        ({"mailQuotaSize": 5}, {"mailquotasize": ["4"]}, [("replace", "mailQuotaSize", ["5"])]),
        (
            {"mailAlternateAddress": ["b@c.d", "e@f.g"]},
            {"mailalternateaddress": ["a@b.c", "B@c.d"]},
            [("delete", "mailAlternateAddress", ["a@b.c"]), ("add", "mailAlternateAddress", ["e@f.g"])],
        ),
        ({"objectClass": ["qmailUser"]}, {}, []),
        ({"objectClass": ["qmailUser", "posthousePerson"]}, {}, [("add", "objectClass", ["posthousePerson"])]),
        ({"manager": f"UID=bob, {PEOPLE}"}, {"manager": [f"uid=bob,{PEOPLE}"]}, []),
        ({"userPassword": "secret"}, {}, []),
    ],
)
def test_only_the_difference(wanted: dict[str, Any], held: dict[str, list[str]], expected: list[tuple[str, str, list[str]]]) -> None:
    item = parse({"uid": "ann", **wanted})[0]
    assert entry_changes(item, Entry(item.dn, ann(**held)[item.dn])) == expected


def test_what_is_required_is_not_removed() -> None:
    with pytest.raises(RefusedError, match="lacks mail"):
        plan({"uid": "ann", "mail": None}, existing=ann())


def test_an_address_is_given_up_before_it_is_taken() -> None:
    bob = {f"uid=bob,{PEOPLE}": {"objectclass": CLASSES_OF_A_PERSON, "mail": ["bob@madstop.test"]}}
    existing = ann(mailalternateaddress=["a@madstop.test", "b@madstop.test"]) | bob
    todo = plan(
        {"uid": "bob", "mailAlternateAddress": "a@madstop.test"}, {"uid": "ann", "mailAlternateAddress": [], "sn": "X"}, existing=existing
    )
    giving, taking = release_first(todo)
    assert [dn for dn, _ in giving] == [f"uid=ann,{PEOPLE}"]
    assert [dn for dn, _ in taking] == [f"uid=bob,{PEOPLE}", f"uid=ann,{PEOPLE}"]
    alone = plan({"uid": "ann", "mailAlternateAddress": []}, existing=existing)
    assert release_first(alone) == ([], alone.modify)


def test_parents_come_first() -> None:
    entries: list[tuple[str, dict[str, list[str]]]] = [("uid=a,ou=b\\,c,o=d", {}), ("o=d", {}), ("ou=b\\,c,o=d", {})]
    assert [[dn for dn, _ in level] for level in levels(entries)] == [["o=d"], ["ou=b\\,c,o=d"], ["uid=a,ou=b\\,c,o=d"]]


def test_the_difference_is_shown_without_passwords() -> None:
    shown = diff_of(plan({**PERSON, "userPassword": "secret"}), {})
    assert "userPassword: ********\n" in shown[0]["after"]
    assert "secret" not in str(shown)
    existing = ann(mailalternateaddress=["a@madstop.test"])
    entries = {dn_key(dn): Entry(dn, attributes) for dn, attributes in existing.items()}
    changed = diff_of(plan({"uid": "ann", "mailAlternateAddress": ["A@madstop.test", "b@madstop.test"]}, existing=existing), entries)
    assert (changed[0]["before"], changed[0]["after"]) == (
        "mailAlternateAddress: a@madstop.test\n",
        "mailAlternateAddress: a@madstop.test\nmailAlternateAddress: b@madstop.test\n",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uid=Ann,OU=People,o=x", "UID=ann, ou = People ,o=x"),
        ("cn=a\\,b,o=x", "cn=a\\2Cb,o=x"),
        ("cn=\\23a,o=x", "cn=\\#a,o=x"),
        ("cn=a  b,o=x", "cn=a b,o=x"),
    ],
)
def test_one_name_two_spellings(one: str, other: str) -> None:
    assert dn_key(one) == dn_key(other)


@given(st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()))
def test_every_value_survives_a_dn(value: str) -> None:
    parts = split_dn(f"cn={escape_dn_value(value)},o=x")
    assert len(parts) == 2
    assert unescape_dn_value(parts[0].removeprefix("cn=")) == value


@pytest.mark.parametrize(("value", "expected"), [("a*b", "a\\2ab"), ("(x)", "\\28x\\29"), ("a\\b", "a\\5cb"), ("\0", "\\00"), ("ü", "ü")])
def test_filters_are_escaped(value: str, expected: str) -> None:
    assert escape_filter_value(value) == expected


def test_every_attribute_of_every_class_has_a_rule() -> None:
    named = {name for rule in CLASSES.values() for name in rule.must | rule.may}
    assert named <= set(ATTRIBUTES)
