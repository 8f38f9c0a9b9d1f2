"""What was lost comes back: a whole mailstore, to the letter of its last second; a person, a folder, a letter; twice is as once."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from frontdoor import paths, post
from tests.backup.copying import machine
from tests.backup.crowd import SCRIPT, Member
from tests.faults.faults import window
from tests.laboratory import DELIVERY, Lab

#: By person and folder: GUID -> UID, flags, date, size and hash.
Seen = dict[str, dict[str, dict[str, tuple[Any, ...]]]]
HOMES, SPOOL, QUEUE = "/mnt/home", "/mnt/home/.copies", "/var/spool/postfix-copies"
MAILDIRS = paths.CHECKOUT / "services" / "backup" / "backup" / "maildirs.py"
# Reads people's Maildirs as they lie there; follows on the text of maildirs.py.
SNAPSHOT = """
import hashlib, json, sys
for person in sys.argv[2:]:
    for name, path in folders(Path(sys.argv[1]) / person / "Maildir").items():
        for one in read(name, path).letters:
            digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
            flags = sorted(flag for flag in one.flags)
            print(json.dumps([person, name, one.guid, one.uid, flags, int(one.path.stat().st_mtime), one.size, digest]))
"""


def snapshot(lab: Lab, uids: Sequence[str]) -> Seen:
    """Return what lies in people's mailboxes on their mailstore; nothing is there twice."""
    found: Seen = {uid: {} for uid in uids}
    code = MAILDIRS.read_text(encoding="utf-8") + SNAPSHOT
    for line in lab.run(lab.stores[0].name, f"python3 - {HOMES} {shlex.join(uids)}", code).splitlines():
        person, folder, guid, uid, flags, *rest = json.loads(line)
        letters = found[person].setdefault(folder, {})
        assert guid not in letters, f"{guid} is in {folder} of {person} twice"
        letters[guid] = (uid, tuple(flags), *rest)
    return found


def without_numbers(seen: Seen) -> Seen:
    """Leave out UIDs: letters that came in the meantime may have taken them."""
    return {uid: {name: {guid: one[1:] for guid, one in rows.items()} for name, rows in box.items()} for uid, box in seen.items()}


def deliver(member: Member, token: str) -> str:
    """Return the shell's lines that hand a letter to the mailstore of somebody and wait until it is in the mailbox."""
    letter = post.letter(token, "writer@elsewhere.test", member.person.mail).decode().replace("\r", "")
    inbox = shlex.quote(f"{HOMES}/{member.person.uid}/Maildir")
    return (
        f"printf %s {shlex.quote(letter)} | sendmail -i -f writer@elsewhere.test {shlex.quote(member.person.mail)}\n"
        f"for i in $(seq 500); do grep -rqs {token} {inbox}/new {inbox}/cur && break; sleep 0.02; done\n"
        f"grep -rqs {token} {inbox}/new {inbox}/cur || exit 1\n"
    )


def subjects(lab: Lab, member: Member, token: str) -> int:
    """Return how often a letter is in somebody's INBOX."""
    words = f"doveadm search -u {shlex.quote(member.person.uid)} mailbox '*' subject {token}"
    return len(lab.run(lab.stores[0].name, words).splitlines())


def restore(lab: Lab, words: str, fine: bool = True) -> dict[str, Any]:
    """Restore on the backup machine and return what is said of it."""
    told: dict[str, Any] = json.loads(lab.run(machine(lab).name, f"backup restore {words} --json; true", timeout=120))
    assert not fine or not told.get("faults"), told
    return told


def play(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook as an operator does."""
    line = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(paths.INVENTORY), f"playbooks/restore-{name}.yml", *words]
    where = {**os.environ, "ANSIBLE_CONFIG": str(paths.CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(line, cwd=paths.CHECKOUT, env=where, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def everybody(lab: Lab, members: list[Member]) -> Iterator[Path]:
    """A file on the backup machine that names the crowd, whose mirrors are up to date."""
    uids = [one.person.uid for one in members]
    path = Path("/run/restore-test-people")
    lab.run(machine(lab).name, f"cat > {path} && chmod 644 {path}", "".join(f"{uid}\n" for uid in uids))
    named = " ".join(f"--person {shlex.quote(uid)}" for uid in uids)
    told = json.loads(lab.run(machine(lab).name, f"backup mirror {named} --json", timeout=180))
    assert told["passed"] == len(uids), told
    yield path
    lab.run(machine(lab).name, f"rm -f {path}")


def test_a_mailstore_that_is_destroyed_comes_back(lab: Lab, members: list[Member], everybody: Path) -> None:
    store, uids = lab.stores[0], [one.person.uid for one in members]
    homes = shlex.join(f"{HOMES}/{uid}" for uid in uids)
    before = snapshot(lab, uids)
    last = {post.new_token(): one for one in members[5:8]}
    new = {post.new_token(): one for one in members[7:9]}
    with window():
        # A letter's copy needs some hundredths of a second to leave; then everything ends at once.
        lab.run(
            store.name,
            "".join(deliver(one, token) for token, one in last.items())
            + "sleep 0.5; systemctl kill -s KILL dovecot postfix postfix@copies posthouse-copies\n"
            + f"rm -rf {homes}; find {SPOOL} -mindepth 1 -delete; find {QUEUE}/{{incoming,active,deferred,maildrop}} -type f -delete\n"
            + "systemctl restart dovecot postfix postfix@copies posthouse-copies",
        )
        lab.run(store.name, "".join(deliver(one, token) for token, one in new.items()))
    words = f"store --store {store.fqdn} --only {everybody} --anew"
    planned = restore(lab, f"{words} --check")
    assert set(planned["people"]) == set(uids)
    for seconds in (0.5, 1.0, 2.0):
        lab.run(machine(lab).name, f"timeout -s KILL {seconds} backup restore store --store {store.fqdn} --only {everybody}", check=False)
    told = restore(lab, f"store --store {store.fqdn} --only {everybody}")
    assert told["left"] == 0, told
    after = snapshot(lab, uids)
    for token, one in [*last.items(), *new.items()]:
        assert subjects(lab, one, token) == 1, f"{token} of {one.person.uid}"
    busy = {one.person.uid for one in [*last.values(), *new.values()]}
    assert {uid: after[uid] for uid in uids if uid not in busy} == {uid: before[uid] for uid in uids if uid not in busy}
    # Whoever got mail has all of it and what they had.
    for uid in busy:
        was, now = (without_numbers(seen)[uid] for seen in (before, after))
        for folder, letters in was.items():
            assert letters.items() <= now[folder].items(), f"{folder} of {uid}"
        more = sum(len(one) for one in now.values()) - sum(len(one) for one in was.values())
        assert more == sum(one.person.uid == uid for one in [*last.values(), *new.values()])
    home = shlex.quote(f"{HOMES}/{uids[4]}")
    assert lab.run(store.name, f"cat {home}/.sieve/main.sieve; readlink {home}/.dovecot.sieve") == f"{SCRIPT}.sieve/main.sieve\n"
    assert sorted(lab.run(store.name, f"doveadm mailbox list -s -u {shlex.quote(uids[4])}").splitlines()) == sorted(
        name.replace("/", ".") for name in members[4].subscribed
    )
    # Once more changes nothing.
    told = restore(lab, words)
    assert (told["letters"], told["left"]) == (0, 0), told
    assert snapshot(lab, uids) == after


@pytest.mark.usefixtures("everybody")
def test_what_a_person_did_since_is_not_undone(lab: Lab, members: list[Member]) -> None:
    one, store = members[10], lab.stores[0].name
    uid = shlex.quote(one.person.uid)
    before = snapshot(lab, [one.person.uid])
    inbox = sorted(before[one.person.uid]["INBOX"].items(), key=lambda row: row[1][0])
    (gone, _), (marked, _) = inbox[0], inbox[1]
    token = post.new_token()
    lab.run(store, deliver(one, token))
    lab.run(
        store,
        f"doveadm expunge -u {uid} mailbox INBOX guid {shlex.quote(gone)}\n"
        f"doveadm flags replace -u {uid} 'later' mailbox INBOX guid {shlex.quote(marked)}\n"
        f"doveadm mailbox delete -u {uid} Sent",
    )
    told = restore(lab, f"person --person {uid} --check")
    assert told["folders"]["INBOX"] == 1
    assert restore(lab, f"folder --person {uid} --folder Sent")["letters"] == len(before[one.person.uid].get("Sent", {}))
    assert restore(lab, f"person --person {uid}")["letters"] == 1
    after = snapshot(lab, [one.person.uid])
    was, now = (without_numbers(seen)[one.person.uid] for seen in (before, after))
    assert now["INBOX"].pop(marked)[0] == ("later",)
    was["INBOX"].pop(marked)
    assert now.get("Sent") == was.get("Sent")
    # What is in both keeps its number: mail programs fetch nothing again.
    kept = after[one.person.uid]["INBOX"]
    assert all(kept[guid][0] == row[0] for guid, row in inbox if guid != gone)
    assert now["INBOX"][gone] == was["INBOX"][gone]
    assert subjects(lab, one, token) == 1


@pytest.mark.usefixtures("everybody")
def test_one_letter_is_found_and_brought_back_from_removed_ones(lab: Lab, members: list[Member]) -> None:
    one, store = members[11], lab.stores[0].name
    uid, token = shlex.quote(one.person.uid), post.new_token()
    lab.run(store, deliver(one, token))
    lab.run(machine(lab).name, f"backup mirror --person {uid}", timeout=60)
    lab.run(store, f"doveadm expunge -u {uid} mailbox INBOX subject {token}")
    lab.run(machine(lab).name, f"backup mirror --person {uid}", timeout=60)
    found = json.loads(lab.run(machine(lab).name, f"backup find --person {uid} --token {token} --from writer@elsewhere.test --json"))
    assert [(row["where"], row["folder"]) for row in found["letters"]] == [("removed", "INBOX")]
    done = play("message", "-e", json.dumps({"person": one.person.uid, "token": token, "into": "Zurück/geholt"}), "--check")
    assert done.returncode == 0, done.stdout
    assert subjects(lab, one, token) == 0, "--check restored it"
    for letters in ("1 letters", "0 letters"):
        done = play("message", "-e", json.dumps({"person": one.person.uid, "token": token, "into": "Zurück/geholt"}))
        assert done.returncode == 0, done.stdout
        assert letters in done.stdout
    words = f"doveadm search -u {uid} mailbox Zurück.geholt subject {token}"
    assert post.wait_for(lambda: len(lab.run(store, words).splitlines()) == 1, DELIVERY)


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("person", {"person": "nosuchperson"}, "keeps nothing of"),
        ("person", {}, "say -e person=LOGIN"),
        ("message", {"person": "joe"}, "say -e person=LOGIN and which letter"),
        ("mailstore", {"mailstore": "nosuch"}, "say -e mailstore=NAME"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_begins(name: str, words: dict[str, str], sentence: str) -> None:
    done = play(name, "-e", json.dumps(words))
    assert done.returncode != 0
    assert sentence in done.stdout
