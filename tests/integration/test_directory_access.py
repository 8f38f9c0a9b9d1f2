"""Who may read, write and try what: the wiring's identities against a server with the role's configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from module_utils.qmail_user.converge import converge
from tests.private_slapd import SUFFIX, PrivateSlapd, wiring

PERSON = f"uid=ann,ou=People,{SUFFIX}"
OTHER = f"uid=bob,ou=People,{SUFFIX}"
ALIAS = f"uid=cts,ou=Aliases,{SUFFIX}"
WATCHED = ["uid", "cn", "sn", "mail", "mailAlternateAddress", "mailHost", "accountStatus", "homeDirectory"]
WATCHED += ["mailReplyText", "userClass", "userPassword"]
IDENTITIES = [identity["name"] for identity in wiring()["directory_identities"]]

ADDRESSES = {"mail", "mailAlternateAddress", "accountStatus"}
DELIVERY = ADDRESSES | {"uid", "mailHost", "homeDirectory", "mailReplyText"}
EVERYTHING = set(WATCHED)
MAY_READ = {
    "replica": (EVERYTHING, EVERYTHING),
    "mailstore": (DELIVERY, DELIVERY | {"rfc822member"}),
    "proxy": (ADDRESSES | {"uid", "mailHost"}, set[str]()),
    "recipients": (ADDRESSES, ADDRESSES),
    "inside": (ADDRESSES | {"mailHost"}, ADDRESSES | {"mailHost"}),
    "senders": (ADDRESSES | {"uid"}, ADDRESSES | {"uid"}),
    "status": (set[str](), set[str]()),
    "sasl": ({"uid", "mail", "accountStatus"}, set[str]()),
    "rates": ({"uid", "mail"}, set[str]()),
    "backup": ({"uid", "mailHost", "accountStatus", "userClass"}, set[str]()),
    "provisioner": (EVERYTHING - {"userPassword"}, EVERYTHING | {"rfc822member"}),
}
HOME = {"objectClass": ["inetOrgPerson", "posixAccount", "qmailUser", "posthousePerson"], "gidNumber": 100}


@pytest.fixture(scope="module")
def slapd() -> Iterator[PrivateSlapd]:
    with PrivateSlapd() as server:
        people = [
            HOME
            | {"dn": dn, "uid": dn[4:7], "cn": "x", "sn": "x", "uidNumber": number, "homeDirectory": "/mnt/home/x", "mailReplyText": "x"}
            | {"mail": f"{dn[4:7]}@madstop.test", "mailAlternateAddress": f"{dn[4:7]}2@madstop.test", "mailHost": "a.madstop.test"}
            | {"accountStatus": "active", "userClass": "AE", "userPassword": "a good password"}
            for number, dn in ((20001, PERSON), (20002, OTHER))
        ]
        alias = {"dn": ALIAS, "objectClass": ["account", "qmailUser", "qmailGroup"], "mail": "cts@madstop.test", "accountStatus": "active"}
        alias |= {"mailAlternateAddress": "cts2@madstop.test", "mailMessageStore": "/x", "rfc822member": "ann@madstop.test"}
        converge([*server.skeleton(), *people, alias], server.options(), check=False, diff=False)
        yield server


def bind(name: str) -> tuple[str, ...]:
    if name in IDENTITIES:
        return ("-x", "-ZZ", "-D", f"cn={name},ou=Services,{SUFFIX}", "-w", f"{name}-secret")
    return ("-x", "-ZZ", "-D", name, "-w", "a good password")


def read(slapd: PrivateSlapd, who: str, entry: str) -> set[str]:
    """Return the names of the attributes of an entry that somebody sees."""
    words = ("ldapsearch", "-LLL", *bind(who), "-b", entry, "-s", "base")
    lines = slapd.tool(*words, uri=slapd.tcp, check=False).stdout.splitlines()
    return {line.partition(":")[0] for line in lines if line and not line.startswith(" ")} - {"dn", "objectClass"}


def modify(slapd: PrivateSlapd, who: str, dn: str, change: str) -> str:
    return slapd.tool("ldapmodify", *bind(who), stdin=f"dn: {dn}\nchangetype: modify\n{change}\n", uri=slapd.tcp, check=False).stderr


@pytest.mark.parametrize(("identity", "entry"), list(itertools.product(MAY_READ, ["person", "alias"])))
def test_what_an_identity_reads(slapd: PrivateSlapd, identity: str, entry: str) -> None:
    there = set(WATCHED) if entry == "person" else {"uid", "mail", "mailAlternateAddress", "accountStatus", "rfc822member"}
    expected = MAY_READ[identity][entry == "alias"]
    if identity == "replica":
        expected = expected | there
    seen = read(slapd, identity, PERSON if entry == "person" else ALIAS)
    assert seen & there == expected & there
    assert seen - there <= {"uidNumber", "gidNumber", "mailMessageStore"}


@pytest.mark.parametrize("identity", [name for name in IDENTITIES if MAY_READ.get(name, (EVERYTHING,))[0] >= ADDRESSES])
def test_all_find_a_person_by_address_from_the_top(slapd: PrivateSlapd, identity: str) -> None:
    for query in ("(mail=ann@madstop.test)", "(mailAlternateAddress=ann2@madstop.test)"):
        words = (
            "ldapsearch",
            "-LLL",
            *bind(identity),
            "-b",
            SUFFIX,
            f"(&(objectClass=qmailUser){query}(!(accountStatus=deleted)))",
            "mail",
        )
        found = slapd.tool(*words, uri=slapd.tcp).stdout
        assert "mail: ann@madstop.test" in found


def test_every_identity_is_in_this_table() -> None:
    assert set(IDENTITIES) == set(MAY_READ)


@pytest.mark.parametrize("identity", [name for name in IDENTITIES if name != "provisioner"])
def test_readers_write_nothing(slapd: PrivateSlapd, identity: str) -> None:
    assert "Insufficient access" in modify(slapd, identity, PERSON, "replace: accountStatus\naccountStatus: deleted")
    assert "Insufficient access" in modify(slapd, identity, PERSON, "replace: userPassword\nuserPassword: stolen password")


@pytest.mark.parametrize("identity", IDENTITIES)
def test_nobody_touches_the_identities(slapd: PrivateSlapd, identity: str) -> None:
    for target in IDENTITIES:
        change = "replace: userPassword\nuserPassword: stolen password"
        assert modify(slapd, identity, f"cn={target},ou=Services,{SUFFIX}", change)
        seen = read(slapd, identity, f"cn={target},ou=Services,{SUFFIX}")
        assert seen == ({"cn", "userPassword"} if identity == "replica" else set())


def test_the_provisioner_writes_people_and_passwords(slapd: PrivateSlapd) -> None:
    assert modify(slapd, "provisioner", OTHER, "replace: title\ntitle: Dean") == ""
    assert modify(slapd, "provisioner", OTHER, "replace: userPassword\nuserPassword: a good password") == ""
    assert "Insufficient access" in modify(slapd, "provisioner", f"cn=people,ou=Policies,{SUFFIX}", "delete: pwdLockout")


def test_a_person_sees_and_changes_himself_only(slapd: PrivateSlapd) -> None:
    assert read(slapd, PERSON, PERSON) >= set(WATCHED) - {"userPassword"}
    assert "userPassword" not in read(slapd, PERSON, PERSON)
    assert read(slapd, PERSON, OTHER) == set()
    assert "Insufficient access" in modify(slapd, PERSON, PERSON, "replace: mailHost\nmailHost: b.madstop.test")
    assert modify(slapd, PERSON, PERSON, "replace: userPassword\nuserPassword: a good password") == ""
    assert modify(slapd, PERSON, OTHER, "replace: userPassword\nuserPassword: a good password")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-x", "-ZZ"), "anonymous bind disallowed"),
        (("-x", "-D", ""), "anonymous bind disallowed"),
        (("-x", "-D", PERSON, "-w", "a good password"), "onfidentiality required"),
        (("-x", "-ZZ", "-D", PERSON, "-w", "a bad password"), "Invalid credentials"),
        (("-x", "-ZZ", "-D", PERSON, "-w", ""), "nauthenticated bind"),
    ],
)
def test_who_is_not_let_in(slapd: PrivateSlapd, words: tuple[str, ...], message: str) -> None:
    padded = words if "-D" in words else (*words, "-D", "")
    assert message in slapd.tool("ldapsearch", *padded, "-b", SUFFIX, uri=slapd.tcp, check=False).stderr


def test_old_tls_is_refused(slapd: PrivateSlapd) -> None:
    import ssl  # noqa: PLC0415  only here

    import ldap3  # noqa: PLC0415

    tls = ldap3.Tls(validate=ssl.CERT_NONE, version=ssl.PROTOCOL_TLSv1_1)
    connection = ldap3.Connection(ldap3.Server(slapd.tcp, tls=tls, get_info=ldap3.NONE))
    connection.open()
    with pytest.raises(ldap3.core.exceptions.LDAPStartTLSError):
        connection.start_tls()


def test_guessing_is_slowed_and_nobody_is_locked_out_for_good(slapd: PrivateSlapd) -> None:
    import time  # noqa: PLC0415  only here

    good, bad = bind(OTHER), ("-x", "-ZZ", "-D", OTHER, "-w", "a guess")
    for _ in range(6):
        slapd.tool("ldapwhoami", *bad, uri=slapd.tcp, check=False)
    assert "Invalid credentials" in slapd.tool("ldapwhoami", *good, uri=slapd.tcp, check=False).stderr
    time.sleep(3)
    assert slapd.tool("ldapwhoami", *good, uri=slapd.tcp, check=False).returncode == 0


def test_an_identity_is_never_locked(slapd: PrivateSlapd) -> None:
    bad = ("-x", "-ZZ", "-D", f"cn=mailstore,ou=Services,{SUFFIX}", "-w", "a guess")
    for _ in range(8):
        slapd.tool("ldapwhoami", *bad, uri=slapd.tcp, check=False)
    assert slapd.tool("ldapwhoami", *bind("mailstore"), uri=slapd.tcp, check=False).returncode == 0


def test_a_replica_follows_and_refers(slapd: PrivateSlapd) -> None:
    import time  # noqa: PLC0415  only here

    with PrivateSlapd(provider=slapd) as replica:
        deadline = time.monotonic() + 20
        while "contextCSN" not in replica.search("-s", "base", "contextCSN", check=False) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert replica.search("(uid=ann)", "userPassword") == slapd.search("(uid=ann)", "userPassword")
        modify(slapd, "provisioner", PERSON, "replace: title\ntitle: Rector")
        time.sleep(1)
        assert "title: Rector" in replica.search("(uid=ann)", "title")
        assert "Referral" in modify(replica, "provisioner", PERSON, "replace: title\ntitle: x")
