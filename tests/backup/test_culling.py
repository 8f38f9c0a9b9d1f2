"""What was kept long enough goes, to the hour and with real storage; what is held stays."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.backup.copying import AS_KEEPER, bring, kept, machine, wait_for_copies
from tests.laboratory import Lab
from tests.people import People

CONFIGURATION = "/run/backup-test.toml"
# Culls one person's mirror as it would be culled at another time; prints how many letters went.
AT = """\
import sys
sys.path.insert(0, "/usr/lib/posthouse/backup")
from datetime import UTC, datetime, timedelta
from pathlib import Path
from backup.cull import Outcome, cull_person
from backup.people import Person
from backup.settings import load
outcome = Outcome()
person = Person(uid="{uid}", store="", entry="", kind="", days=30)
cull_person(load(Path("/etc/posthouse/backup.toml")), person, datetime.now(UTC) + timedelta(hours={hours}), outcome)
print(outcome.removed)
"""


@pytest.fixture
def rules(lab: Lab, people: People) -> Iterator[str]:
    """A configuration with a class of one and a hold of one."""
    backup = machine(lab).name
    more = f'[[class]]\nname = "short"\nfilter = "(uid={people["alma"].uid})"\ndays = 7\n'
    more += f'[[hold]]\npeople = ["{people["copy"].uid.upper()}"]\nreason = "case 12"\nuntil = "2999-12-31"\n'
    lab.run(backup, f"install -m 640 -g posthouse-backup /etc/posthouse/backup.toml {CONFIGURATION} && cat >> {CONFIGURATION}", more)
    yield CONFIGURATION
    lab.run(backup, f"rm -f {CONFIGURATION}")


def test_copies_go_at_the_hour_and_what_is_held_stays(lab: Lab, people: People, rules: str) -> None:
    short, usual, held = (people[name].uid for name in ("alma", "bela", "copy"))
    now, hour = datetime.now(UTC), timedelta(hours=1)
    lab.run(machine(lab).name, f"rm -rf /srv/backup/people/{short}/copies /srv/backup/people/{usual}/copies")
    bring(
        lab,
        [
            (short, now - timedelta(days=7) + hour, "stays-7"),
            (short, now - timedelta(days=7) - hour, "goes-7"),
            (usual, now - timedelta(days=30) + hour, "stays-30"),
            (usual, now - timedelta(days=30) - hour, "goes-30"),
            (held, now - timedelta(days=400), "held"),
        ],
    )
    wait_for_copies(lab, short, ["goes-7", "stays-7"])
    wait_for_copies(lab, usual, ["goes-30", "stays-30"])
    wait_for_copies(lab, held, ["held"])
    backup = machine(lab).name
    planned = json.loads(lab.run(backup, f"backup --config {rules} cull --check --json"))
    assert planned["copies"] >= 2
    assert kept(lab, usual) == ["goes-30", "stays-30"], "--check removed something"
    lab.run(backup, f"backup --config {rules} cull")
    assert [kept(lab, uid) for uid in (short, usual, held)] == [["stays-7"], ["stays-30"], ["held"]]
    assert "case 12" in lab.run(backup, f"backup --config {rules} holds")


def test_removed_letters_go_thirty_days_after_they_were_removed(lab: Lab) -> None:
    uid, backup = f"cull-{secrets.token_hex(4)}", machine(lab).name
    doveadm = f"{AS_KEEPER} doveadm"
    try:
        lab.run(backup, f"{doveadm} mailbox create -u {uid} 'Ordner/ä'")
        for folder in ("INBOX", "Ordner/ä"):
            lab.run(backup, f"{doveadm} save -u {uid} -m '{folder}'", "Subject: x\n\nx\n")
            lab.run(backup, f"{doveadm} expunge -u {uid} mailbox '{folder}' all")
        for hours, gone in ((30 * 24 - 1, "0"), (30 * 24 + 1, "2")):
            said = lab.run(backup, f"{AS_KEEPER} python3 -IB -", AT.format(uid=uid, hours=hours))
            assert said.strip() == gone, f"after {hours} hours"
    finally:
        lab.run(backup, f"rm -rf /srv/backup/people/{uid}")
