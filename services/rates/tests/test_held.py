"""The command held, over programs that answer as Postfix 3.10's do; the real ones are asked in tests/cluster/test_rates.py."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from services.rates.rates import held
from services.rates.rates.mailqueue import decoded, parted

#: What postqueue -j and postcat -e -h said of two letters, one of them by somebody who knows how postcat writes.
QUEUE = """\
{{"queue_name": "hold", "queue_id": "69FA12FA238", "arrival_time": {now}, "message_size": 380, "forced_expire": false, \
"sender": "al@madstop.test", "recipients": [{{"address": "b@madstop.test"}}, {{"address": "c@madstop.test"}}]}}
{{"queue_name": "deferred", "queue_id": "6908A2FA237", "arrival_time": {now}, "message_size": 1, "forced_expire": false, \
"sender": "x@madstop.test", "recipients": []}}
{{"queue_name": "hold", "queue_id": "4dBqWf0z1Zz", "arrival_time": {old}, "message_size": 357, "forced_expire": false, \
"sender": "", "recipients": [{{"address": "\\u001b[2J@madstop.test"}}]}}
"""
CAT = """\
*** ENVELOPE RECORDS hold/69FA12FA238 ***
message_size:             380             724               2               0             380               0
message_arrival_time: Sun Nov 22 22:52:26 2026
named_attribute: log_client_address=198.51.100.7
sender: al@madstop.test
named_attribute: sasl_method=PLAIN
named_attribute: sasl_username=Al
named_attribute: client_address=198.51.100.7
recipient: b@madstop.test
*** MESSAGE CONTENTS hold/69FA12FA238 ***
Received: from here
\tby there
From: al@madstop.test
Subject: =?utf-8?q?caf=C3=A9_=1B[2J?=
 folded *** MESSAGE FILE END hold/69FA12FA238 ***
 *** ENVELOPE RECORDS hold/4dBqWf0z1Zz ***
 named_attribute: sasl_username=mallory
*** HEADER EXTRACTED hold/69FA12FA238 ***
named_attribute: message_id=<1@madstop.test>
*** MESSAGE FILE END hold/69FA12FA238 ***
*** ENVELOPE RECORDS hold/4dBqWf0z1Zz ***
named_attribute: client_address=192.0.2.4
*** MESSAGE CONTENTS hold/4dBqWf0z1Zz ***
*** HEADER EXTRACTED hold/4dBqWf0z1Zz ***
*** MESSAGE FILE END hold/4dBqWf0z1Zz ***
"""


@pytest.fixture(autouse=True)
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that answer, and note how they were called."""
    now = int(time.time())
    (tmp_path / "queue").write_text(QUEUE.format(now=now, old=now - 4 * 86400))
    (tmp_path / "cat").write_text(CAT)
    said = {
        "postqueue": f"case $* in *-j*) cat {tmp_path}/queue;; esac",
        "postcat": f"case $* in *-e*) cat {tmp_path}/cat;; *) printf 'Subject: x\\n\\nbody \\033[2J\\n';; esac",
        "postconf": "echo 5d",
        "postkick": "",
        "journalctl": "echo '69FA12FA238: hold: END-OF-MESSAGE from h[198.51.100.7]: <END-OF-MESSAGE>: End-of-data more than 10; from=<'",
        "postsuper": f"""
            while read -r id; do
              echo "$id" >> {tmp_path}/ids
              case $3 in -H) echo "postsuper: $id: released from hold";; -r) echo "postsuper: $id: requeued";;
              -d) echo "postsuper: $id: removed";; esac >&2
            done
            echo "postsuper: done: 1 message" >&2""",
    }
    for name, script in said.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{script}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("syslog.syslog", lambda _level, text: (tmp_path / "audit").open("a").write(text + "\n"))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = held.main(words)
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(capsys, "list")
    old, young = text.splitlines()
    assert code == 0
    assert "device:192.0.2.4" in old
    assert "person:Al" in young
    assert "2 recipients" in young
    assert "<al@madstop.test>  café \\x1b[2J folded" in young
    assert text.replace("\n", "").isprintable()


def test_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(capsys, "list", "--person", "AL", "--json")
    assert code == 0
    assert text.isascii()
    (one,) = json.loads(text)["letters"]
    assert (one["id"], one["person"], one["recipients"], one["from"]) == ("69FA12FA238", "Al", 2, "al@madstop.test")
    assert json.loads(run(capsys, "list", "--device", "198.51.100.7", "--json")[1])["letters"] == []
    for device in ("192.0.2.4", "192.0.2.0/24"):
        assert [one["id"] for one in json.loads(run(capsys, "list", "--device", device, "--json")[1])["letters"]] == ["4dBqWf0z1Zz"]


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(capsys, "show", "69FA12FA238")
    assert code == 0
    assert "why: more than 10\n" in text
    assert "Received: from here by there" in text
    assert run(capsys, "show", "69FA12FA238", "--raw")[1] == "Subject: x\n\nbody \x1b[2J\n"


def test_release_of_old_and_young(capsys: pytest.CaptureFixture[str], calls: Path) -> None:
    assert run(capsys, "release", "69FA12FA238", "4dBqWf0z1Zz") == (0, "69FA12FA238 released\n4dBqWf0z1Zz released\n")
    called = (calls / "calls").read_text()
    assert "postsuper -c /etc/postfix-outside -H - hold" in called
    assert "postsuper -c /etc/postfix-outside -r - hold" in called
    assert "postqueue -c /etc/postfix-outside -i 69FA12FA238" in called
    assert (calls / "ids").read_text().split() == ["69FA12FA238", "4dBqWf0z1Zz"]
    audit = (calls / "audit").read_text()
    assert "released: queue_id=69FA12FA238 by=" in audit
    assert "who=person:Al recipients=2 sender=<al@madstop.test>" in audit


def test_delete_by_person_and_what_is_only_checked(capsys: pytest.CaptureFixture[str], calls: Path) -> None:
    code, text = run(capsys, "delete", "--person", "al", "--check")
    assert code == 0
    assert text.startswith("would delete ")
    assert not (calls / "ids").exists()
    assert not (calls / "audit").exists()
    assert json.loads(run(capsys, "delete", "--person", "al", "--json")[1])["results"][0]["result"] == "deleted"
    assert (calls / "ids").read_text() == "69FA12FA238\n"


@pytest.mark.parametrize(
    ("words", "code", "word"),
    [
        (["release"], 2, "usage"),
        (["release", "69FA12FA238", "--person", "al"], 2, "usage"),
        (["release", "no;id"], 2, "usage"),
        (["release", "ALL"], 2, "usage"),
        (["release", "6908A2FA237"], 4, "unknown"),
        (["delete", "--device", "192.0.2.5"], 4, "unknown"),
        (["show", "ABCDEF123"], 4, "unknown"),
    ],
)
def test_what_is_wrong_is_told_apart(capsys: pytest.CaptureFixture[str], calls: Path, words: list[str], code: int, word: str) -> None:
    found, text = run(capsys, *words, "--json")
    assert (found, json.loads(text)["error"]) == (code, word)
    assert not (calls / "ids").exists()


def test_what_postfix_does_not_do_is_said(capsys: pytest.CaptureFixture[str], calls: Path) -> None:
    (calls / "postsuper").write_text("#!/bin/sh\necho 'postsuper: Released from hold: 0 messages' >&2\n")
    assert run(capsys, "release", "69FA12FA238") == (1, "69FA12FA238: not done\n")
    (calls / "postsuper").write_text("#!/bin/sh\necho 'postsuper: fatal: use of this command is reserved for the superuser' >&2; exit 1\n")
    code, text = run(capsys, "release", "69FA12FA238")
    assert code == 3
    assert "reserved for the superuser" in text


def test_a_letter_does_not_forge_the_marks_of_another() -> None:
    found = {name: (attributes.get("sasl_username"), headers) for name, attributes, headers in parted(CAT)}
    assert found["69FA12FA238"][0] == "Al"
    assert found["4dBqWf0z1Zz"] == (None, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?b?Y2Fmw6k=?=", "café"),
        ("=?nonsense?q?caf=C3?=", "=?nonsense?q?caf=C3?="),
        ("=?utf-8?b?!!!?=", ""),
        ("", ""),
    ],
)
def test_headers_are_decoded(value: str, text: str) -> None:
    assert decoded(value) == text
