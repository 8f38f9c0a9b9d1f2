"""Who may write as which address."""

from pathlib import Path
from typing import Any

import pytest
from posthouse import disk
from posthouse.settings import SettingsError

from services.recipients.recipients import cdb
from services.recipients.recipients.service import Service
from services.recipients.recipients.settings import parse
from services.recipients.recipients.table import PENDING, Person, Status, compose, given, owners, pending, person

PEOPLE, LISTS, GROUPS = (f"ou={branch},o=madstop.test" for branch in ("People", "Aliases", "Groups"))


def entry(name: Any, **attributes: Any) -> Any:
    """Read an entry as the directory gives it: one value, or several in a list."""
    lists = {key: value if isinstance(value, list) else [value] for key, value in attributes.items()}
    return person({key: [one.encode() for one in value] for key, value in lists.items()}, name)


def somebody(uid: Any, **attributes: Any) -> Any:
    return entry(f"uid={uid},{PEOPLE}", **{"uid": uid, "mail": f"{uid}@madstop.test"} | attributes)


def may_write(*entries: Any) -> Any:
    """Return logins by address."""
    return {key.removeprefix(b"from ").decode(): value.decode() for key, value in owners(entries).items()}


def test_a_persons_addresses_are_the_persons() -> None:
    table = may_write(somebody("ann", mailAlternateAddress=["Ann.Smith@madstop.test", "ann@alumni.madstop.test"]))
    assert table == dict.fromkeys(("ann@madstop.test", "ann.smith@madstop.test", "ann@alumni.madstop.test"), "ann")


def test_what_is_given_to_persons_and_groups() -> None:
    table = may_write(
        somebody("ann", posthouseDelegate=[f"uid=bob,{PEOPLE}", f"CN=Office,{GROUPS}"]),
        somebody("bob"),
        entry(f"cn=office,{GROUPS}", memberUid=["cid", "dora"]),
        entry(f"uid=desk,{LISTS}", uid="desk", mail="desk@madstop.test", posthouseDelegate=f"cn=office,{GROUPS}"),
    )
    assert table == {"ann@madstop.test": "ann,bob,cid,dora", "bob@madstop.test": "bob", "desk@madstop.test": "cid,desk,dora"}


def test_what_is_given_is_not_handed_on() -> None:
    """Two who stand in for each other, and the deputy of a deputy."""
    table = may_write(
        somebody("ann", posthouseDelegate=f"uid=bob,{PEOPLE}"),
        somebody("bob", posthouseDelegate=[f"uid=ann,{PEOPLE}", f"uid=cid,{PEOPLE}"]),
        somebody("cid"),
    )
    assert table == {"ann@madstop.test": "ann,bob", "bob@madstop.test": "ann,bob,cid", "cid@madstop.test": "cid"}


@pytest.mark.parametrize(("status", "expected"), [("noaccess", "ann,bob"), ("active", "ann,bob"), ("disabled", "ann"), ("deleted", "ann")])
def test_nobody_writes_for_an_account_that_takes_no_mail(status: Any, expected: Any) -> None:
    table = may_write(somebody("ann", accountStatus=status, posthouseDelegate=f"uid=bob,{PEOPLE}"), somebody("bob"))
    assert table["ann@madstop.test"] == expected


def test_a_delegate_who_is_gone_is_nobody() -> None:
    assert may_write(somebody("ann", posthouseDelegate=[f"uid=gone,{PEOPLE}", "no name at all"])) == {"ann@madstop.test": "ann"}


def test_an_address_without_a_login_is_somebodys_all_the_same() -> None:
    assert may_write(entry(f"cn=news,{LISTS}", mail="news@madstop.test")) == {"news@madstop.test": "(nobody)"}


@pytest.mark.parametrize("uid", ["ann,bob", "ann bob", "(nobody)", "ann\x00", ""])
def test_a_login_that_a_list_of_logins_cannot_hold_owns_nothing(uid: Any) -> None:
    assert may_write(entry(f"uid=x,{PEOPLE}", uid=uid, mail="x@madstop.test")) == {"x@madstop.test": "(nobody)"}


def test_where_two_entries_have_one_address_the_open_one_counts() -> None:
    closed, opened = somebody("ann", accountStatus="deleted"), entry(f"uid=bob,{PEOPLE}", uid="bob", mail="ann@madstop.test")
    for entries in ((closed, opened), (opened, closed)):
        assert may_write(*entries) == {"ann@madstop.test": "bob"}
    assert may_write(opened, somebody("ann")) == {"ann@madstop.test": "ann,bob"}


def test_a_table_of_recipients_alone_says_nothing_of_senders(settings: Any) -> None:
    assert not any(key.startswith(b"from ") for key in compose([somebody("ann")], settings).records)
    assert PENDING not in pending(settings)


def follow(service: Any, state: Any) -> None:
    """Let the service do what is due until it is in a state."""
    for _ in range(20):
        if service.answer({"do": "status"})["state"] == state:
            return
        service._wake()
        service.step()
    raise AssertionError(service.answer({"do": "status"}))


@pytest.fixture
def asked(given: Any) -> Any:
    return parse(given | {"senders": True})


def test_owners_are_not_counted_as_addresses(asked: Any) -> None:
    table = compose([somebody("ann"), entry(f"cn=office,{GROUPS}", memberUid="ann")], asked)
    assert table.records[b"from ann@madstop.test"] == b"ann"
    assert table.size == given(table.records, asked) == 1


def test_until_the_directory_has_been_read_nobody_is_refused_for_good(asked: Any, connect: Any, servers: Any) -> None:
    servers["ldap://one.test"].entries = {"ann": somebody("ann")}
    service = Service(asked, connect)
    service.start()
    path = Path(asked.table + ".cdb")
    assert (cdb.Reader(path).get(PENDING) or b"").startswith(b"451 ")
    follow(service, "current")
    assert cdb.Reader(path).get(b"from ann@madstop.test") == b"ann"
    assert cdb.Reader(path).get(PENDING) is None
    service._leave()


def test_a_copy_from_before_serves_recipients_while_senders_wait(asked: Any, connect: Any) -> None:
    path = Path(asked.table + ".cdb")
    disk.replace(path, cdb.build({b"ann@madstop.test": b"OK"}))
    Service(asked, connect).start()
    assert cdb.Reader(path).get(b"ann@madstop.test") == b"OK"
    assert (cdb.Reader(path).get(PENDING) or b"").startswith(b"451 ")


def test_a_refused_loss_leaves_the_owners_as_they_were(asked: Any, connect: Any, servers: Any) -> None:
    one = servers["ldap://one.test"]
    one.entries = {f"u{number}": somebody(f"u{number}") for number in range(100)}
    service = Service(asked, connect)
    service.start()
    follow(service, "current")
    one.entries = {"u0": somebody("u0", posthouseDelegate=f"uid=u1,{PEOPLE}"), "u1": somebody("u1")}
    service._asked.append(False)
    follow(service, "refused")
    reader = cdb.Reader(Path(asked.table + ".cdb"))
    assert service.answer({"do": "status"})["state"] == "refused"
    assert (reader.get(b"from u0@madstop.test"), reader.get(b"from u99@madstop.test"), reader.get(PENDING)) == (b"u0,u1", b"u99", None)
    service._leave()


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_the_setting_is_a_switch(given: Any, value: Any) -> None:
    with pytest.raises(SettingsError, match="senders"):
        parse(given | {"senders": value})


def test_persons_are_read_as_before_where_names_do_not_matter() -> None:
    assert person({"mail": [b"a@b.test"], "uid": [b"a"]}) == Person(("a@b.test",), Status.VALID)
