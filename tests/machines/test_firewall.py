"""Who may talk to whom, seen from other machines: the table is said here a second time, and connections decide."""

from __future__ import annotations

import pytest

from tests.laboratory import Lab

PORTS = [22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 2525, 2526, 2528, 2529, 2530, 3306, 4190, *range(10023, 10029)]
MAIL_PROGRAMS = {110, 143, 993, 995, 4190}


def allowed(groups: dict[str, list[str]], source: str, target: str) -> set[int]:
    """Ports of target that answer to source."""
    inside = source not in groups["world"]
    ports: set[int] = set()
    if target in groups["dns"]:
        ports |= {53}
    if target in groups["directory"] and inside:
        ports |= {389, 636}
    if target in groups["directory"] + groups["quarantine"]:
        ports |= {2530} if source in groups["backup"] else set()
    if target in groups["mailstore"]:
        ports |= {25} if source in groups["exchanger"] + groups["submission"] + groups["mailstore"] else set()
        ports |= {2525} if source in groups["mailstore"] else set()
        ports |= MAIL_PROGRAMS if source in groups["proxy"] else set()
        ports |= {2529} if source in groups["backup"] else set()
    if target in groups["backup"]:
        ports |= {2528} if source in groups["mailstore"] else set()
    if target in groups["exchanger"]:
        ports |= {25}
        ports |= {2526} if source in groups["mailstore"] else set()
    if target in groups["submission"]:
        ports |= {465, 587}
        ports |= {25} if inside else set()
    if target in groups["quarantine"]:
        ports |= {3306} if source in groups["content_filter"] + groups["submission"] else set()
    if target in groups["proxy"]:
        ports |= MAIL_PROGRAMS
    return ports


@pytest.mark.parametrize("source", ["internet", "ns1", "ldap2", "hermes", "helios", "mx1", "smtp1", "proxy1", "backup1"])
def test_only_what_the_table_promises_answers_by_either_family(lab: Lab, source: str) -> None:
    targets = [machine for machine in lab.inventory.ours if machine.name != source]
    outside = source in lab.inventory.groups["world"]
    keys = ["public_address", "public_address6"] if outside else ["address", "address6"]
    places = {(address, port): machine for key in keys for machine in targets if (address := getattr(machine, key)) for port in PORTS}
    answering = lab.origin(source).open_ports(list(places))
    wrong = []
    for place, machine in places.items():
        reachable = machine.public_address != machine.address or not outside  # the campus is not routed to the internet
        promised = place[1] in allowed(lab.inventory.groups, source, machine.name) and reachable
        if (place in answering) != promised:
            wrong.append(f"{source} to {machine.name} ({place[0]}) {place[1]} {'answers' if place in answering else 'is silent'}")
    assert not wrong


def test_the_rules_survive_and_deny_by_default(lab: Lab) -> None:
    for machine in lab.inventory.ours:
        rules = lab.run(machine.name, "nft list ruleset")
        assert "policy drop" in rules, machine.name
