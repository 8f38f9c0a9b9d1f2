"""Every letter goes on once somebody takes it, waits while nobody does, and takes no room that deliveries need."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from posthouse.copyletter import unwrap
from posthouse.placement import places

from services.copies.copies import service as under_test
from services.copies.copies.handing import AwayError, Queue, RefusedError
from services.copies.copies.memory import Memory, told
from services.copies.tests.conftest import LETTER, NOW

Deliver = Callable[..., str]


def waiting(letters: int, size: int = 0, machine: str = "backup1.example.edu") -> Queue:
    """A queue that has so much for one machine."""
    return Queue(machines={machine: (letters, size)})


def test_a_letter_goes_on_with_what_is_known_of_it(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    name = deliver(mailbox="Lists.Gr%C3%B6%C3%9Fe", flags="\\Seen $label%20one")
    site.service().round()
    [(recipients, outer)] = site.taker.taken
    facts, inner = unwrap(outer)
    assert recipients == ["alice@backup1.example.edu"]
    assert inner == LETTER
    assert (facts.person, facts.folder, facts.guid, facts.flags) == ("alice", "Lists/Größe", name, ("\\Seen", "$label one"))
    assert (facts.uid, facts.uidvalidity, facts.store) == (301, 1795400000, "hermes.example.edu")
    assert (facts.sender, facts.recipient) == ("a@example.org", "alice@example.edu")
    assert facts.saved == datetime.fromtimestamp(int(NOW) - 10, UTC).replace(microsecond=42)
    assert not list(spool.iterdir())


def test_an_envelope_that_the_sender_wrote_is_not_believed(site: SimpleNamespace, deliver: Deliver) -> None:
    deliver(letter=b"Return-Path: <>\nReceived: x\nDelivered-To: mallory@example.edu\nReturn-Path: <y@example.org>\n\n")
    site.service().round()
    facts, _ = unwrap(site.taker.taken[0][1])
    assert (facts.sender, facts.recipient) == ("", "")


def test_letters_go_in_the_order_of_their_delivery(site: SimpleNamespace, deliver: Deliver) -> None:
    names = [deliver(second) for second in (int(NOW), 999, int(NOW) - 5)]
    site.service(lifetime_days=99999).round()
    assert [unwrap(outer)[0].guid for _, outer in site.taker.taken] == [names[1], names[2], names[0]]


def test_a_copy_goes_to_so_many_machines_as_the_site_says(site: SimpleNamespace, deliver: Deliver) -> None:
    deliver()
    site.service(machines=["b1.example", "b2.example", "b3.example"], copies=2).round()
    assert len(set(site.taker.taken[0][0])) == 2


@pytest.mark.parametrize("fault", [AwayError("452 4.3.1 no room"), RefusedError("554")])
def test_what_is_not_taken_stays_and_is_tried_again(site: SimpleNamespace, deliver: Deliver, fault: Exception) -> None:
    deliver()
    second = deliver()
    service = site.service()
    site.taker.faults = [fault]
    service.round()
    expected = [] if isinstance(fault, AwayError) else [second]
    assert [unwrap(outer)[0].guid for _, outer in site.taker.taken] == expected
    site.now += 301
    service.round()
    assert len(site.taker.taken) == 2
    assert told(Path(site.settings.state))["fault"] is None


def test_a_fault_is_told_until_it_is_over(site: SimpleNamespace, deliver: Deliver) -> None:
    deliver()
    service = site.service()
    site.taker.faults = [AwayError("no \x1b[31msocket"), AwayError("none")]
    waits = [service.round(), service.round()]
    assert waits == [1.0, 2.0]
    assert told(Path(site.settings.state))["fault"] == {"what": "none", "since": NOW}
    service.round()
    assert told(Path(site.settings.state))["fault"] is None


def test_the_queue_takes_no_more_than_it_may(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    for _ in range(9):
        deliver()
    service = site.service()
    site.queue = waiting(1)
    assert service.round() == 2.0
    assert len(site.taker.taken) == 4
    site.now += 2
    assert service.round() == 2.0
    assert len(site.taker.taken) == 4
    site.now += 2
    site.queue, site.before = Queue(), 4
    service.round()
    assert len(site.taker.taken) == 9
    assert not list(spool.iterdir())


def test_the_queue_takes_no_more_bytes_than_it_may(site: SimpleNamespace, deliver: Deliver) -> None:
    for _ in range(3):
        deliver(letter=LETTER + b"x" * 1000)
    site.queue = waiting(1, 500)
    assert site.service(queue_bytes=2000).round() == 2.0
    assert len(site.taker.taken) == 1


def test_a_machine_that_is_away_holds_back_nothing_of_the_others(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    machines = ["b1.example", "b2.example"]
    people = [f"person{number}" for number in range(20)]
    for person in people:
        deliver(person=person)
    service = site.service(machines=machines, queue_letters=21)
    site.queue = waiting(21, machine="b1.example")
    assert service.round() == 2.0
    mine = [person for person in people if places(person, machines, 1) == ["b2.example"]]
    assert sorted(to for to, _ in site.taker.taken) == sorted([f"{person}@b2.example"] for person in mine)
    site.now, site.queue, site.before = site.now + 2, Queue(), len(site.taker.taken)
    service.round()
    assert len(site.taker.taken) == len(people)
    assert not list(spool.iterdir())


def test_what_comes_while_others_are_held_back_goes_at_once(site: SimpleNamespace, deliver: Deliver) -> None:
    machines = ["b1.example", "b2.example"]
    people = {places(f"p{number}", machines, 1)[0]: f"p{number}" for number in range(20)}
    site.queue = waiting(5, machine="b1.example")
    service = site.service(machines=machines)
    deliver(person=people["b1.example"])
    assert service.round() == 2.0
    deliver(person=people["b2.example"])
    site.now += 0.5
    assert service.round() == 2.0
    assert [to for to, _ in site.taker.taken] == [[f"{people['b2.example']}@b2.example"]]


def test_a_look_is_put_off_and_not_forgotten(site: SimpleNamespace, deliver: Deliver) -> None:
    service = site.service()
    assert service.round() == 30.0
    deliver()
    assert 0 < service.round() < 1
    assert not site.taker.taken
    site.now += 1
    assert service.round() == 30.0
    assert len(site.taker.taken) == 1


def test_of_two_copies_the_one_that_can_go_does(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    name = deliver()
    site.queue = waiting(5, machine="b1.example")
    site.service(machines=["b1.example", "b2.example"], copies=2).round()
    assert {one.name for one in spool.iterdir()} == {f"{name}{ending}" for ending in (".letter", ".note", ".given")}
    # Also over a restart of the service.
    site.queue = Queue()
    site.service(machines=["b1.example", "b2.example"], copies=2).round()
    assert [to for to, _ in site.taker.taken] == [["alice@b2.example"], ["alice@b1.example"]]
    assert not list(spool.iterdir())


def test_who_has_taken_a_letter_does_not_get_it_again(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    deliver()
    service = site.service(machines=["b1.example", "b2.example"], copies=2)
    site.taker.faults = [RefusedError("454", ["alice@b1.example"])]
    service.round()
    site.now += 301
    service.round()
    assert [to for to, _ in site.taker.taken] == [["alice@b2.example"]]
    assert not list(spool.iterdir())


def test_a_name_that_is_no_folder_s_is_told_once(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    deliver(person="a%40b")
    site.service().round()
    assert not site.taker.taken
    assert not list(spool.iterdir())
    assert told(Path(site.settings.state))["refused"]["a@b"][0] == "it contains one of / @ * ? %"
    assert not Memory(Path(site.settings.state)).refuse("a@b", "", NOW)


def test_what_nobody_took_in_time_is_given_up_and_told(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    deliver(int(NOW) - 14 * 86400 - 1)
    kept = deliver(int(NOW) - 14 * 86400 + 1)
    site.queue = waiting(5)
    site.service().round()
    assert sorted(one.name for one in spool.iterdir()) == [f"{kept}.letter", f"{kept}.note"]
    [(_, what)] = told(Path(site.settings.state))["lost"]
    assert "14 days" in what


def test_without_room_only_what_frees_some_is_given_up(site: SimpleNamespace, deliver: Deliver, spool: Path) -> None:
    gone, kept = deliver(), deliver()
    (spool.parent / "mailbox").hardlink_to(spool / f"{kept}.letter")
    site.queue = waiting(5)
    site.service(spool_room=1 << 62).round()
    names = {one.name for one in spool.iterdir()}
    assert f"{kept}.letter" in names
    assert f"{gone}.letter" not in names


def test_a_delivery_that_missed_is_told(site: SimpleNamespace, spool: Path) -> None:
    (spool / "1795400001.000001.77.missed").symlink_to("alice No%20space%20left")
    site.service().round()
    assert told(Path(site.settings.state))["lost"][0][1].endswith("alice: No space left")
    assert not list(spool.iterdir())


def test_a_letter_waits_for_its_note(site: SimpleNamespace, deliver: Deliver, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = deliver()
    (spool / f"{name}.note").unlink()
    (spool / "stray").touch()
    service = site.service()
    site.now = (spool / "stray").stat().st_ctime + 599
    service.round()
    assert len(list(spool.iterdir())) == 2
    monkeypatch.setattr(under_test, "_ALONE", 500.0)
    site.now += 1
    service.round()
    assert not list(spool.iterdir())
    assert len(told(Path(site.settings.state))["lost"]) == 1


@pytest.mark.parametrize(
    "target", ["nonsense", "1.2 alice INBOX one 2", "x.y alice INBOX 1 2", "99999999999999.1 alice INBOX 1 2", "1.9999999 alice INBOX 1 2"]
)
def test_what_no_delivery_writes_is_no_copy_and_hinders_none(site: SimpleNamespace, deliver: Deliver, spool: Path, target: str) -> None:
    name = deliver()
    (spool / f"{name}.note").unlink()
    (spool / f"{name}.note").symlink_to(target)
    deliver()
    site.service().round()
    assert len(site.taker.taken) == 1
    assert not list(spool.iterdir())


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_an_ordinary_file_is_read(site: SimpleNamespace, deliver: Deliver, spool: Path, kind: str) -> None:
    letter = spool / f"{deliver()}.letter"
    letter.unlink()
    if kind == "link":
        letter.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(letter)
    else:
        letter.mkdir()
    deliver()
    site.service().round()
    site.now += 1
    site.service().round()
    assert [unwrap(outer)[1] for _, outer in site.taker.taken] == [LETTER]


def test_a_spool_that_is_away_is_a_fault_and_no_end(site: SimpleNamespace, spool: Path) -> None:
    spool.rmdir()
    assert site.service().round() == 1.0
    assert "No such file" in told(Path(site.settings.state))["fault"]["what"]
