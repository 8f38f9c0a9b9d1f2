"""Mirrors: everything that people have is there, and stays right as they go on working; what was lost does not take its mirror along."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from tests.backup.copying import AS_KEEPER, machine
from tests.backup.crowd import SCRIPT, Member
from tests.laboratory import Lab

Seen = dict[str, dict[str, tuple[int, str, frozenset[str], int]]]
# Prints each letter of the people named, of their mirror or of what they removed, one line a letter.
READ = """\
import hashlib, json, subprocess, sys
names = ["mailbox", "guid", "uid", "flags", "date.received.unixtime", "size.physical"]
query, *people = sys.argv[1:]
for person in people:
    words = ["doveadm", "-f", "pager", "fetch", "-u", person, " ".join([*names, "text"]), "mailbox", query, "all"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        while first := process.stdout.readline():
            lines = [first, *(process.stdout.readline() for _ in names)]
            values = [line.decode("utf-8", "surrogateescape").rstrip("\\n").partition(": ")[2] for line in lines[:-1]]
            text = process.stdout.read(int(values.pop()))
            assert lines[-1] == b"text:\\n" and process.stdout.read(2) in (b"\\f\\n", b""), (values, text[-100:])
            print(json.dumps([person, *values, hashlib.sha256(text).hexdigest()]))
    assert process.returncode in (0, 68), person
"""


def read(lab: Lab, people: Sequence[str], query: str = "*") -> dict[str, Seen]:
    """Return the letters that a backup machine has: person, folder, GUID."""
    command = f"{AS_KEEPER} python3 -IB - {shlex.quote(query)} {shlex.join(people)}"
    found: dict[str, Seen] = {uid: {} for uid in people}
    for line in lab.run(machine(lab).name, command, READ).splitlines():
        person, folder, guid, uid, flags, received, digest = json.loads(line)
        letters = found[person].setdefault(folder, {})
        assert guid not in letters, f"{person}: {guid} is twice in {folder}"
        letters[guid] = int(uid), digest, frozenset(flags.split()) - {"\\Recent"}, int(received)
    return found


def wanted(member: Member) -> Seen:
    """Return the letters that somebody has, folders without any left out."""
    return {name: {one.guid: one.seen for one in folder.letters} for name, folder in member.folders.items() if folder.letters}


def mirror(lab: Lab, members: Sequence[Member], more: str = "", fine: bool = True) -> dict[str, Any]:
    """Bring mirrors up to date and return what is said of it."""
    named = " ".join(f"--person {shlex.quote(one.person.uid)}" for one in members)
    said = lab.run(machine(lab).name, f"backup mirror {named} --json {more}", check=False, timeout=180)
    told: dict[str, Any] = json.loads(said)
    assert not fine or told["passed"] == len(members), {
        name: told[name] for name in ("faults", "another", "unknown", "away", "refused", "full")
    }
    return told


def doveadm(lab: Lab, member: Member, *lines: str) -> None:
    """Do things to somebody's mail on their mailstore, as their mail program would."""
    uid = shlex.quote(member.person.uid)
    lab.run(lab.store_of(member.person).name, "set -e\n" + "\n".join(f"doveadm {one.replace('USER', f'-u {uid}')}" for one in lines))


def test_everything_is_there(lab: Lab, members: list[Member]) -> None:
    told = mirror(lab, members)
    assert told["letters"] == sum(len(folder.letters) for one in members for folder in one.folders.values()) == 5000
    there = read(lab, [one.person.uid for one in members])
    for one in members:
        assert there[one.person.uid] == wanted(one), one.person.uid


def test_folders_subscriptions_and_scripts_are_there(lab: Lab, members: list[Member]) -> None:
    one = members[0]
    place = shlex.quote(f"/srv/backup/people/{one.person.uid}")
    uid = shlex.quote(one.person.uid)
    listed = lab.run(machine(lab).name, f"{AS_KEEPER} doveadm -f json mailbox status -u {uid} 'guid uidvalidity' '*'")
    folders = {box["mailbox"]: (box["guid"], int(box["uidvalidity"])) for box in json.loads(listed)}
    assert folders == {name: (folder.guid, folder.validity) for name, folder in one.folders.items()}
    assert sorted(lab.run(machine(lab).name, f"{AS_KEEPER} doveadm mailbox list -s -u {uid}").splitlines()) == sorted(one.subscribed)
    assert lab.run(machine(lab).name, f"cat {place}/sieve/main.sieve") == SCRIPT
    assert lab.run(machine(lab).name, f"ls {place}/sieve | grep sieve").split() == ["main.sieve", "other.sieve"]
    assert lab.run(machine(lab).name, f"readlink {place}/.dovecot.sieve").strip().endswith("main.sieve")


def test_what_people_change_arrives_and_what_they_remove_is_kept_apart(lab: Lab, members: list[Member]) -> None:
    one = members[1]
    inbox, uid = one.folders["INBOX"], one.person.uid
    gone, marked, moved, kept_apart = inbox.letters[0], inbox.letters[1], inbox.letters[2], one.folders["it's"].letters
    doveadm(
        lab,
        one,
        f"expunge USER mailbox INBOX uid {gone.uid}",
        f"flags replace USER '\\Flagged Neues$Wort' mailbox INBOX uid {marked.uid}",
        f"move USER Sent mailbox INBOX uid {moved.uid}",
        'mailbox delete USER "it\'s"',
        "mailbox rename USER 'smile 😀' 'Lächeln 😀'",
        "mailbox create USER Leer",
        "sieve activate USER other",
        "sieve delete USER main",
    )
    inbox.letters = inbox.letters[3:]
    now = wanted(one)
    now["INBOX"][marked.guid] = (*marked.seen[:2], frozenset({"\\Flagged", "Neues$Wort"}), marked.received)
    now.pop("it's", None)
    if "smile 😀" in now:
        now["Lächeln 😀"] = now.pop("smile 😀")
    mirror(lab, [one])
    there = read(lab, [uid])[uid]
    sent = there.pop("Sent")
    assert [row[1:] for guid, row in sent.items() if guid not in now.get("Sent", {})] == [moved.seen[1:]]
    now.pop("Sent", None)
    assert there == now
    removed = {name.removeprefix("removed/of/"): rows for name, rows in read(lab, [uid], "removed/of/*")[uid].items()}
    # What was marked as deleted is not any more: nobody shall expunge it a second time.
    kept = {name: {(row[1], row[2] - {"\\Deleted"}, row[3]) for row in rows.values()} for name, rows in removed.items()}
    assert kept["INBOX"] == {(row[1], row[2] - {"\\Deleted"}, row[3]) for row in (gone.seen, moved.seen)}
    assert kept.get("it's", set()) == {(row[1], row[2] - {"\\Deleted"}, row[3]) for row in (one.seen for one in kept_apart)}
    script = f"/srv/backup/people/{shlex.quote(uid)}"
    assert lab.run(machine(lab).name, f"ls {script}/sieve | grep sieve; readlink {script}/.dovecot.sieve").count("other.sieve") == 2


def test_a_mailbox_that_was_lost_does_not_empty_its_mirror(lab: Lab, members: list[Member]) -> None:
    one = members[2]
    uid, store = one.person.uid, lab.store_of(one.person).name
    home = f"{lab.inventory.values.get('mailstore_home_base', '/mnt/home')}/{uid}"
    lab.run(store, f"mv {shlex.quote(home)} {shlex.quote(home)}.lost")
    try:
        lab.run(store, f"doveadm save -u {shlex.quote(uid)}", "Subject: the first in a new mailbox\n\nx\n")
        told = mirror(lab, [one], fine=False)
        assert uid in told["another"]
        assert "--anew" in told["another"][uid]
        assert read(lab, [uid])[uid] == wanted(one), "the mirror was touched"
        assert mirror(lab, [one], "--anew")["letters"] == 1
        removed = read(lab, [uid], "removed/of/*")[uid]
        assert {name.removeprefix("removed/of/"): {guid: row[1:] for guid, row in rows.items()} for name, rows in removed.items()} == {
            name: {guid: row[1:] for guid, row in rows.items()} for name, rows in wanted(one).items()
        }
    finally:
        lab.run(store, f"rm -rf {shlex.quote(home)} && mv {shlex.quote(home)}.lost {shlex.quote(home)}")
    assert mirror(lab, [one], "--anew")["letters"] == 250


def test_a_mirror_that_somebody_changed_is_made_anew(lab: Lab, members: list[Member]) -> None:
    one = members[3]
    uid = one.person.uid
    lab.run(machine(lab).name, f"{AS_KEEPER} doveadm expunge -u {shlex.quote(uid)} mailbox INBOX uid {one.folders['INBOX'].letters[5].uid}")
    mirror(lab, [one])
    assert read(lab, [uid])[uid] == wanted(one)


def test_the_door_does_nothing_but_mirrors_and_needs_its_password(lab: Lab, members: list[Member]) -> None:
    uid, store = members[0].person.uid, lab.stores[0]
    ask = f"""
import base64, json, re, socket, ssl
password = re.search("^doveadm_password = (.*)$", open("/etc/dovecot/dovecot.conf").read(), re.M)[1]
def said(password, line):
    context = ssl.create_default_context(cafile="/etc/ssl/posthouse/ca.pem")
    with context.wrap_socket(socket.create_connection(("{store.fqdn}", 2529), 10), server_hostname="{store.fqdn}") as door:
        door.sendall(b"VERSION\\tdoveadm-server\\t1\\t0\\nPLAIN\\t" + base64.b64encode(b"\\0doveadm\\0" + password.encode()) + b"\\n")
        with door.makefile("rb") as answers:
            try:
                if [answers.readline(), answers.readline()] != [b"-\\n", b"+\\n"]:
                    return "no entry"
                door.sendall(line.encode() + b"\\n")
                return answers.readline().decode()
            except OSError:
                return ""
lines = ["mailbox status\\tmessages\\tINBOX", "fetch\\ttext\\tall", "expunge\\tall"]
print(json.dumps([said("wrong", ""), *(said(password, "\\t{uid}\\t" + line) for line in lines)]))
"""
    wrong, may, *refused = json.loads(lab.run(machine(lab).name, f"{AS_KEEPER} python3 -IB -", ask))
    assert wrong == "no entry"
    assert re.fullmatch(r"INBOX\t\d+\t?\n", may)
    assert not any(refused), refused
