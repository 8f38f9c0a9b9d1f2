"""The drill passes on real mailboxes, finds a damaged mirror and a damaged copy, names them, and passes when they are mended."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from frontdoor import post
from tests.backup.copying import AS_KEEPER, kept, machine
from tests.laboratory import Lab
from tests.people import People, Person

HOME = "/srv/backup/people"
FOLDERS = ["Ordner.ä & b", "100 % *?", 'quote" and \\']
# A file that lost its end, and one in which some bytes are others; nobody's clock says that anything was written.
DAMAGE = 'set -- "{path}"; [ -f "$1" ] && touch -r "$1" /run/drill-time && {how} && touch -r /run/drill-time "$1" && printf %s "$1"'
CUT, SPOIL = 'truncate -s 60 "$1"', "printf 'broken' | dd of=\"$1\" bs=1 seek=60 conv=notrunc status=none"


@pytest.fixture(scope="module")
def person(lab: Lab, people: People) -> Person:
    """Somebody with letters that were delivered, and folders with odd names, flags and keywords."""
    one = people["noaccess"]
    store = lab.store_of(one).name
    lab.send(one.mail)
    lines = []
    for number, folder in enumerate(FOLDERS):
        name = shlex.quote(folder)
        letter = f"{{ printf 'From: a@elsewhere.test\\nSubject: {number}\\n\\n'; seq {100 * number} {100 * number + 400}; }}"
        lines += [f"doveadm mailbox create -u {one.uid} {name}", f"{letter} | doveadm save -u {one.uid} -m {name}"]
        lines += [f"doveadm flags add -u {one.uid} '\\Seen \\Answered $label{number}' mailbox '*' subject {number}"]
    lab.run(store, "set -e\n" + "\n".join(lines))
    assert post.wait_for(lambda: len(kept(lab, one.uid)) == 1, 60), "the copy did not come"
    return one


def drill(lab: Lab, person: Person) -> dict[str, Any]:
    said = lab.run(machine(lab).name, f"backup drill --person {person.uid} --json; true", timeout=120)
    found: dict[str, Any] = json.loads(said)
    return found


def damage(lab: Lab) -> list[dict[str, Any]]:
    """Return what the status page has of damage."""
    page = json.loads(lab.run(machine(lab).name, "status --json", check=False))
    return [one for one in page["findings"] if (one["check"], one["about"]) == ("backup", "damage")]


def test_damage_is_found_named_and_gone_when_it_is_mended(lab: Lab, person: Person) -> None:
    backup, home = machine(lab).name, f"{HOME}/{person.uid}"
    found = drill(lab, person)
    assert (found["passed"], found["faults"]) == (True, [])
    assert found["folders"] == len(FOLDERS) + 1
    assert found["letters"] == found["read"] == found["same"] == 4
    assert found["copies"] == 1
    assert found["gone"] == 0

    mirrored = lab.run(backup, DAMAGE.format(path=f"$(find {home}/mirror/.100* -type f -name '*,S=*')", how=CUT))
    copied = lab.run(backup, DAMAGE.format(path=f"$(find {home}/copies/new {home}/copies/cur -type f)", how=SPOIL))
    found = drill(lab, person)
    assert (found["passed"], found["wrong"], found["lost"]) == (False, [person.uid], 2), found["faults"]
    [mirror, copy] = sorted(found["faults"], key=lambda one: one.startswith("copies"))
    assert f"mirror of {person.uid}, folder 100 % *?: letter" in mirror
    assert f"(file {mirrored})" in mirror
    assert copy.startswith(f"copies of {person.uid}: letter number ")
    [told] = damage(lab)
    assert (told["level"], person.uid in told["says"]) == ("critical", True)

    # What is damaged keeps nothing else from being restored.
    store = lab.store_of(person).name
    lab.run(store, f"doveadm kick {person.uid}; rm -rf /mnt/home/{person.uid}/Maildir", check=False)
    back = json.loads(lab.run(backup, f"backup restore person --person {person.uid} --json; true", timeout=120))
    assert len(back["faults"]) == 2, back  # the copy is told as well
    assert "of 100 % *? is damaged, and there is no copy" in back["faults"][1]
    assert lab.run(store, f"doveadm search -u {person.uid} all | wc -l").strip() == "3"

    # As docs/drill.md says it is mended: the mirror is pulled anew, and a copy of a letter that its mailbox still has goes.
    lab.run(backup, f"backup mirror --person {person.uid} --anew")
    number = copy.partition("letter number ")[2].split()[0]
    place = f"doveadm -o mail_path='~/copies' expunge -u {person.uid} mailbox INBOX uid {number}"
    lab.run(backup, f"{AS_KEEPER} {place} && [ ! -e {shlex.quote(copied)} ]")
    # Each drill begins with whoever had something wrong.
    lab.run(backup, "backup drill --people 0", timeout=120)
    record = json.loads(lab.run(backup, "cat /srv/backup/state/drill.json"))
    assert record["detail"]["each"][0]["person"] == person.uid
    assert record["detail"]["each"][0]["faults"] == 0, record["detail"]["faults"]
    assert person.uid not in "".join(one["says"] for one in damage(lab))
    assert lab.run(backup, "ls /srv/backup/scratch/drill").split() == []
