"""Who is on a list that is believed is refused with that list's words; who is spoken for, exempt, or merely mentioned is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People

OWN = "bl.madstop.test"
OURS = f"/etc/posthouse/blocklists/{OWN}.ip4set.local"
RECOMMENDED = 242  # on a list that is believed and on one that speaks for clients
MENTIONED = 247  # on a list that is believed, with an answer that does not count


@pytest.fixture(autouse=True, scope="module")
def all_in_use(lab: Lab) -> None:
    """A list that was broken a moment ago, by a test of faults or because the world outside was not there yet, need not wait to be well."""
    machine = lab.exchanger.name
    lab.run(machine, "blocklists fetch --quiet; blocklists check --quiet", check=False)
    if not taken_out(lab):
        return
    # What a resolver knows of a list that was broken is asked anew after ten seconds.
    lab.run(machine, "sleep 11; blocklists check --quiet", check=False)
    for told in taken_out(lab):
        if told["verdict"] == "fine":
            lab.run(machine, f"blocklists put-back {told['zone']} --quiet", check=False)


def taken_out(lab: Lab) -> list[dict[str, Any]]:
    """What the exchanger says of lists that are not in use."""
    return [told for told in json.loads(lab.run(lab.exchanger.name, "blocklists status --json", check=False))["lists"] if told["out"]]


def listed(lab: Lab, address: str, zone: str) -> bool:
    """Tell whether mail programs of the exchanger find an address on a list."""
    name = ".".join([*reversed(address.split(".")), zone])
    return lab.run(lab.exchanger.name, f"getent ahostsv4 {name}", check=False).startswith("127.")


@contextmanager
def entry(lab: Lab, address: str, then: str = "true") -> Iterator[None]:
    """Have an address on the site's own list, as an operator puts it there, for a while. then: what else the operator does."""
    machine = lab.exchanger.name
    lab.run(machine, f"echo '{address} sent what nobody wanted' >> {OURS}; {then}")
    try:
        assert post.wait_for(lambda: listed(lab, address, OWN), 40), f"{OURS} is not read"
        yield
    finally:
        lab.run(machine, f"sed -i '/^{address} /d' {OURS}")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (241, "good.rbl.test, ask http://good.rbl.test/ why"),
        (246, "feed.rbl.test"),
        (240, "the list of madstop.test, write to postmaster@madstop.test"),
    ],
    ids=["a list of others", "a feed that is mirrored here", "the site's own list, by inventory"],
)
def test_a_listed_client_is_refused_in_its_lists_words(lab: Lab, people: People, last: int, words: str) -> None:
    client = lab.stranger(last)
    token, outcome = lab.send(people["alma"].mail, origin=client)
    assert (outcome.stage, outcome.code) == ("rcpt", 550), outcome
    assert f"5.7.1 Service unavailable; client [{client.source}] blocked using {words}" in outcome.text, outcome
    assert lab.count(people["alma"], token) == 0


def test_two_lists_that_disagree_are_weighed(lab: Lab, people: People) -> None:
    client = lab.stranger(RECOMMENDED)
    assert listed(lab, client.source or "", "good.rbl.test")
    token, outcome = lab.send(people["alma"].mail, origin=client)
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)


def test_an_answer_that_means_something_else_does_not_count(lab: Lab, people: People) -> None:
    client = lab.stranger(MENTIONED)
    assert listed(lab, client.source or "", "good.rbl.test")
    token, outcome = lab.send(people["alma"].mail, origin=client)
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)


def test_an_operators_entry_is_in_force_soon_and_gone_soon(lab: Lab, people: People) -> None:
    client = lab.unknown()
    assert client.source
    with entry(lab, client.source):
        _, outcome = lab.send(people["bela"].mail, origin=client)
        assert (outcome.stage, outcome.code) == ("rcpt", 550), outcome
        assert "blocked using the list of madstop.test" in outcome.text, outcome
    assert post.wait_for(lambda: not listed(lab, client.source or "", OWN), 40)
    token, outcome = lab.send(people["bela"].mail, origin=client)
    assert outcome.sent, outcome
    lab.receive(people["bela"], token)


def test_networks_that_tcprules_exempts_are_on_no_list(lab: Lab, people: People) -> None:
    """RBLSMTPD="" in mx_outside_tcprules: a mailstore's address may stand on every list there is."""
    store = lab.stores[0]
    with entry(lab, store.address, "systemctl kill --signal=HUP rbldnsd.service"):
        token, outcome = lab.send(
            people["alma"].mail, origin=lab.origin(store.name), host=lab.exchanger.address, helo=store.fqdn + ".invalid"
        )
        assert outcome.sent, outcome
        lab.receive(people["alma"], token)


def test_every_list_is_watched_and_well(lab: Lab) -> None:
    machine = lab.exchanger.name
    lab.run(machine, "blocklists fetch --quiet && blocklists check --quiet")
    told = json.loads(lab.run(machine, "blocklists status --json"))
    wanted = {entry["zone"] for entry in lab.inventory.everywhere("cluster_blocklists")}
    assert {entry["zone"] for entry in told["lists"]} == wanted
    assert all(entry["verdict"] == "fine" and not entry["out"] for entry in told["lists"]), told
    assert [(entry["zone"], entry["state"]) for entry in told["mirrors"]] == [("feed.rbl.test", "current")]
    for timer in ("check", "fetch"):
        assert lab.run(machine, f"systemctl is-active posthouse-blocklists-{timer}.timer").strip() == "active"


def test_the_resolver_is_this_machines_alone(lab: Lab) -> None:
    machine = lab.exchanger.name
    sockets = lab.run(machine, "ss -Hlntu 'sport = 53' | awk '{print $5}' | sort -u").split()
    assert sockets == ["127.0.0.1:53"]
    assert lab.run(machine, "ss -Hlnu 'sport = 5300' | awk '{print $4}' | sort -u").split() == ["127.0.0.1:5300"]


def test_the_stage_that_asks_lists_asks_no_other_resolver(lab: Lab) -> None:
    """A resolver that does not know a list passes everybody it lists without a word, so there is none to fall back to."""
    machine = lab.exchanger.name
    seen = lab.run(machine, "nsenter -m -t $(systemctl show -P MainPID postfix@outside) grep ^nameserver /etc/resolv.conf")
    assert seen.split() == ["nameserver", "127.0.0.1"]


def test_names_of_ours_are_still_known(lab: Lab) -> None:
    machine = lab.exchanger.name
    for other in lab.inventory.ours:
        found = lab.run(machine, f"getent ahostsv4 {other.fqdn} | cut -d' ' -f1 | sort -u").split()
        assert other.address in found or other.name == machine, (other.fqdn, found)
    assert "internet.elsewhere.test" in lab.run(machine, f"getent hosts {lab.outside.public_address}")
