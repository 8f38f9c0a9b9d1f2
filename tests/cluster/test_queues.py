"""What waits, waits as long with a sender as without one: a report for a person that is given up early is lost without a word."""

from __future__ import annotations

from tests.laboratory import Lab

INSTANCES = {"exchanger": ["outside", "fixup", "inside"], "mailstore": [""]}


def seconds(value: str) -> int:
    """Read a time as postconf(5) writes it."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return int(value[:-1]) * units[value[-1]]


def test_mail_without_a_sender_waits_as_long_as_any_other(lab: Lab) -> None:
    for noun, instances in INSTANCES.items():
        for machine in lab.inventory.machines(noun):
            for instance in instances:
                folder = f"/etc/postfix{'-' if instance else ''}{instance}"
                asked = lab.run(machine.name, f"postconf -c {folder} -xh maximal_queue_lifetime bounce_queue_lifetime").split()
                ordinary, without_sender = (seconds(value) for value in asked)
                assert without_sender >= ordinary >= 4 * 86400, (machine.name, folder, asked)
