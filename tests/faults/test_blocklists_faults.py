"""A list dies, or lists the world: it is noticed, taken out and reported once; mail goes on; it comes back when it is well."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from frontdoor import post
from tests.faults import faults
from tests.laboratory import FORGET, Lab
from tests.people import People

FRAIL, MOODY, GOOD = "frail.rbl.test", "moody.rbl.test", "good.rbl.test"
ON_FRAIL, ON_MOODY, ON_GOOD, ON_FEED = 243, 245, 241, 246
OWN = "bl.madstop.test"
OURS = f"/etc/posthouse/blocklists/{OWN}.ip4set.local"
TIMER = "posthouse-blocklists-check.timer"
CHECK = "systemctl start posthouse-blocklists-check.service"
#: Has an rbldnsd look at its files now, instead of every few seconds.
LOOK = "systemctl kill --signal=HUP {} && sleep 0.5"


@pytest.fixture(autouse=True)
def forgetful(lab: Lab) -> Iterator[None]:
    """The tests do the checks themselves, and the exchanger remembers nobody who passed meanwhile."""
    lab.run(lab.exchanger.name, f"systemctl stop {TIMER}; {FORGET}")
    yield
    lab.run(lab.exchanger.name, f"{FORGET}; systemctl start {TIMER}")


@pytest.fixture(autouse=True, scope="module")
def all_in_use(lab: Lab) -> Iterator[None]:
    """In the end, whatever happened."""
    yield
    for zone in (FRAIL, MOODY, GOOD, OWN):
        lab.run(lab.exchanger.name, f"blocklists put-back {zone} --quiet", check=False)


@contextmanager
def outside(lab: Lab, breaks: str, mends: str) -> Iterator[None]:
    """Break something of the world outside, and mend it whatever happens."""
    with faults.window():
        lab.run(lab.outside.name, breaks)
        try:
            yield
        finally:
            lab.run(lab.outside.name, mends)


def standing(lab: Lab, zone: str) -> dict[str, Any]:
    told = json.loads(lab.run(lab.exchanger.name, "blocklists status --json", check=False))
    return next(entry for entry in told["lists"] if entry["zone"] == zone)


def reports(lab: Lab, since: float) -> list[str]:
    """What the watch told the operators, warnings and above."""
    return lab.run(lab.exchanger.name, f"journalctl -q -o cat -p warning -t blocklists --since @{since:.6f}").splitlines()


def refused(lab: Lab, people: People, last: int) -> bool:
    """Tell whether mail from an address is refused because of a list."""
    token, outcome = lab.send(people["alma"].mail, origin=lab.stranger(last))
    if outcome.sent:
        lab.receive(people["alma"], token)
        return False
    assert (outcome.stage, outcome.code) == ("rcpt", 550), outcome
    return True


def test_a_list_that_dies(lab: Lab, people: People) -> None:
    """It hangs, as lists do: no answer, no refusal, so every question costs all of its patience."""
    since = time.time()
    unit = f"systemctl kill --signal={{}} rbl@{FRAIL}.service"
    with outside(lab, unit.format("STOP"), unit.format("CONT")):
        assert not refused(lab, people, 250), "mail goes on before anybody has noticed"
        for _ in range(3):
            assert not standing(lab, FRAIL)["out"]
            lab.run(lab.exchanger.name, CHECK)
        told = standing(lab, FRAIL)
        assert (told["out"], told["by"]) == (True, "check"), told
        began = time.monotonic()
        assert lab.run(lab.exchanger.name, f"getent ahostsv4 2.0.0.127.{FRAIL}", check=False) == ""
        assert time.monotonic() - began < 2, "nobody waits for a list that is taken out"
        assert not refused(lab, people, ON_FRAIL)
        lab.run(lab.exchanger.name, CHECK)
        assert len([line for line in reports(lab, since) if FRAIL in line]) == 1, reports(lab, since)


def test_a_list_that_lists_the_world(lab: Lab, people: People) -> None:
    since = time.time()
    file = f"/srv/rbl/{MOODY}"
    look = LOOK.format(f"rbl@{MOODY}.service")
    breaks = f"cp -p {file} /srv/rbl/.kept; printf '0/1\\n128/1\\n' >> {file}; {look}"
    with outside(lab, breaks, f"mv /srv/rbl/.kept {file}; touch {file}; {look}"):
        assert refused(lab, people, 251), "nobody could write to us"
        lab.run(lab.exchanger.name, CHECK)
        told = standing(lab, MOODY)
        assert (told["out"], told["verdict"]) == (True, "lists the world"), told
        assert not refused(lab, people, 251), "mail goes on without it"
        assert refused(lab, people, ON_GOOD), "the other lists are asked as before"
        assert [line for line in reports(lab, since) if MOODY in line and "is taken out, lists the world" in line]


def test_an_operators_slip_takes_out_our_own_list(lab: Lab, people: People) -> None:
    """A network too large by twenty bits: the list of the site's own is judged as all others are."""
    machine, look = lab.exchanger.name, LOOK.format("rbldnsd.service")
    with faults.window():
        lab.run(machine, f"printf '0/1 slip\\n128/1 slip\\n' >> {OURS}; {look}")
        try:
            lab.run(machine, CHECK)
            assert standing(lab, OWN)["verdict"] == "lists the world"
            assert not refused(lab, people, 252)
        finally:
            lab.run(machine, f"sed -i '/ slip$/d' {OURS}; {look}")


def test_lists_that_are_well_again_are_asked_again(lab: Lab, people: People) -> None:
    """Those that the tests above broke, all at once: what was answered meanwhile is remembered for some seconds."""
    clients = {FRAIL: ON_FRAIL, MOODY: ON_MOODY, OWN: 240}

    def back() -> bool:
        lab.run(lab.exchanger.name, CHECK)
        return not any(standing(lab, zone)["out"] for zone in clients)

    assert post.wait_for(back, 60, pause=1), [standing(lab, zone) for zone in clients]
    lab.run(lab.exchanger.name, FORGET)
    for zone, last in clients.items():
        assert refused(lab, people, last), zone


def test_what_is_taken_out_stays_out_when_the_resolver_is_killed(lab: Lab) -> None:
    machine = lab.exchanger.name
    with faults.window():
        lab.run(machine, f"blocklists take-out {GOOD} --reason 'they moved' --quiet", check=False)
        lab.run(machine, "systemctl kill --signal=KILL named.service")
        assert post.wait_for(lambda: "127." in lab.run(machine, f"getent ahostsv4 2.0.0.127.{FRAIL}", check=False), 20), "named is not back"
        assert lab.run(machine, f"getent ahostsv4 2.0.0.127.{GOOD}", check=False) == ""
        lab.run(machine, f"blocklists put-back {GOOD} --quiet", check=False)
        assert post.wait_for(lambda: lab.run(machine, f"getent ahostsv4 2.0.0.127.{GOOD}", check=False), 10)


def test_the_mirror_comes_back_when_it_is_killed(lab: Lab, people: People) -> None:
    with faults.window():
        lab.run(lab.exchanger.name, "systemctl kill --signal=KILL rbldnsd.service")
        name = f"240.100.51.198.{OWN}"
        assert post.wait_for(lambda: lab.run(lab.exchanger.name, f"getent ahostsv4 {name}", check=False), 20), "rbldnsd is not back"
        assert refused(lab, people, 240)


@pytest.mark.parametrize("came", ["", "<html>502 Bad Gateway</html>\\n", "127.0.0.2\\n"], ids=["nothing", "a page", "most of it is gone"])
def test_what_a_feed_sends_instead_of_a_list_replaces_nothing(lab: Lab, people: People, came: str) -> None:
    since, machine = time.time(), lab.exchanger.name
    lab.run(machine, "blocklists fetch --quiet --accept-loss")
    many = "for n in $(seq 1 20); do echo 203.0.112.$n; done >> /srv/rbl/feed"
    lab.run(lab.outside.name, f"cp -p /srv/rbl/feed /srv/rbl/.kept; {many}")
    lab.run(machine, "blocklists fetch --quiet")
    with outside(lab, f"printf '{came}' > /srv/rbl/feed", "mv /srv/rbl/.kept /srv/rbl/feed; touch /srv/rbl/feed"):
        for _ in range(2):
            lab.run(machine, "systemctl start posthouse-blocklists-fetch.service")
        told = json.loads(lab.run(machine, "blocklists status --json", check=False))["mirrors"][0]
        assert told["state"] == "stale", told
        assert refused(lab, people, ON_FEED), "the last good copy serves"
        assert len([line for line in reports(lab, since) if "feed.rbl.test is not fetched" in line]) == 1
    lab.run(machine, "blocklists fetch --quiet --accept-loss")


def test_an_exchanger_that_starts_knows_its_lists(lab: Lab, people: People) -> None:
    """Its resolv.conf is written anew at every start of the machine; lists that nobody can ask would pass everybody in silence."""
    with faults.switched_off([lab.exchanger.name]):
        pass
    assert post.wait_for(lambda: lab.run(lab.exchanger.name, "systemctl is-active postfix@outside", check=False).strip() == "active", 60)
    for last in (ON_GOOD, ON_FEED, 240):
        assert refused(lab, people, last), last
    assert lab.run(lab.exchanger.name, "systemctl is-failed --quiet '*' ; systemctl --failed --no-legend --plain").strip() == ""
