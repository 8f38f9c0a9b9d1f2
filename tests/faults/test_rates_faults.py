"""The database or the service that counts is away: mail is handed in all the same, and what can be counted is counted."""

from __future__ import annotations

from frontdoor import post
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import Person
from tests.rationing import Counter, counter, senders

__all__ = ["counter", "senders"]


def test_without_the_database_a_machine_counts_alone_and_brings_it_later(lab: Lab, counter: Counter, senders: dict[str, Person]) -> None:
    person, readers = senders["tight"], [senders["reader"]]
    counter.hand_in(person, readers * 2)
    with faults.stopped(lab, "mariadb.service", [counter.database]):
        counter.hand_in(person, readers * 3)
        counter.hand_in(person, readers)
        assert len(counter.held("person", person.uid)) == 1, "its own count goes on"
        code, answer = counter.ask("rates", "status")
        assert (code, answer["counting"]["state"]) == (1, "away")
        assert counter.used(person) == 5
    assert post.wait_for(lambda: counter.ask("rates", "status")[1]["counting"]["state"] == "shared", 60)
    assert counter.used(person) == 5
    query = "SELECT SUM(recipients) FROM rate_use u JOIN rate_holder h ON h.id = u.holder WHERE NOT kept AND name ="
    assert lab.run(counter.database, f"mariadb -N quarantine -e \"{query} '{person.uid}'\"").strip() == "5"
    assert counter.ask("held", "release", "--person", person.uid)[0] == 0


def test_without_the_directory_what_the_inventory_says_counts(lab: Lab, counter: Counter, senders: dict[str, Person]) -> None:
    known, unknown = senders["tight"], senders["locked"]
    assert counter.ask("rates", "show", "person", known.uid)[1]["hard"] == 5
    with faults.stopped(lab, "slapd.service", [server.name for server in lab.inventory.machines("directory")]):
        assert counter.ask("rates", "show", "person", unknown.uid)[1]["hard"] == 600
        code, answer = counter.ask("rates", "status")
        assert (code, answer["directory"]["state"]) == (1, "away")
        assert counter.ask("rates", "show", "person", known.uid)[1]["hard"] == 5, "what was read last counts"
    assert post.wait_for(lambda: counter.ask("rates", "status")[1]["directory"]["state"] == "current", 60)
    assert counter.ask("rates", "show", "person", unknown.uid)[1]["hard"] == 0


def test_a_count_that_is_killed_forgets_nothing_and_stops_nobody(lab: Lab, counter: Counter, senders: dict[str, Person]) -> None:
    person, readers = senders["alone"], [senders["reader"]]
    with faults.window():
        counter.hand_in(person, readers * 3)
        for _ in range(2):
            lab.run(counter.name, "systemctl kill -s KILL posthouse-rates.service")
            counter.hand_in(person, readers)
        assert counter.used(person) == 5, "questions wait for the service to come back"
        counter.hand_in(person, readers)
        assert len(counter.held("person", person.uid)) == 1
        assert counter.ask("held", "delete", "--person", person.uid)[0] == 0
    with faults.stopped(lab, "posthouse-rates.socket posthouse-rates.service", [counter.name]):
        token = counter.hand_in(person, readers)
    lab.receive(senders["reader"], token)
