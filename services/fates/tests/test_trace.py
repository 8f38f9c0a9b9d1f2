"""One message, followed from the first packet to the mailbox."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.fates.fates.command import main
from services.fates.tests.conftest import CLUSTER, EXCHANGER, EXPORT

#: It was forwarded: mx1, then helios, back through mx1 to hermes.
FORWARDED = "t2768ebf81b0eb037"
LOGS = [str(path) for path in CLUSTER]


def trace(capsys: Any, *words: str) -> dict[str, Any]:
    assert main(["trace", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def texts(message: dict[str, Any]) -> str:
    return "\n".join(f"{line['machine']} {line['program']} {line['text']}" for line in message["lines"])


@pytest.mark.parametrize("order", [LOGS, LOGS[::-1]])
def test_from_the_first_packet_to_the_mailbox(capsys: Any, order: list[str]) -> None:
    found = trace(capsys, FORWARDED, *order)
    (message,) = found["messages"]
    assert not found["other_lines"]
    assert message["fates"] == ["OK (message)"]
    assert message["machines"] == ["mx1", "helios", "hermes"]
    lines = texts(message)
    steps = [
        "CONNECT from [198.51.100.200]",
        "PASS OLD",
        "postfix-outside/smtpd connect from",
        "message-id=<t2768ebf81b0eb037",
        "postfix-fixup/smtpd 906A526E4D4: client=",
        "postfix-inside/smtpd 91B5A26E4E4: client=",
        "helios postfix/smtpd 951AB26E4B5: client=",
        "helios dovecot lmtp",
        "postfix-inside/way-out/smtpd 9CF4F26E4E4: client=",
        "hermes postfix/smtpd A0DEB26E4B5: client=",
        "hermes dovecot lmtp",
        "hermes postfix/qmgr A0DEB26E4B5: removed",
    ]
    places = [lines.index(step) for step in steps]
    assert places == sorted(places), lines
    times = [line["time"] for line in message["lines"]]
    assert times == sorted(times)


@pytest.mark.parametrize("name", ["8F71B26E4B5", "906A526E4D4", "951AB26E4B5", "A0DEB26E4B5", f"{FORWARDED}@client.elsewhere.test"])
def test_every_name_of_a_message_leads_to_all_of_it(capsys: Any, name: str) -> None:
    whole = trace(capsys, FORWARDED, *LOGS)["messages"]
    assert trace(capsys, name, *LOGS)["messages"] == whole


@pytest.mark.parametrize("log", [EXCHANGER, EXPORT])
def test_the_filters_verdict_stands_between_the_stages(capsys: Any, log: Path) -> None:
    (message,) = trace(capsys, "v1@elsewhere.test", str(log))["messages"]
    lines = texts(message)
    assert message["fates"] == ["INFECTED (message)"]
    assert lines.index("postfix-fixup/qmgr") < lines.index("Blocked INFECTED (Eicar-Test-Signature)") < lines.index("discarded, id=")


def test_an_address_names_many_messages(capsys: Any) -> None:
    assert main(["trace", "bela@madstop.test", str(EXCHANGER)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 messages")
    assert "SPAM (message)" in said
    assert "INFECTED (message)" in said
    assert "blocked using bl.test" in said, "a refusal names her too"
    assert main(["trace", "--all", "bela@madstop.test", str(EXCHANGER)]) == 0
    assert capsys.readouterr().out.count("From <w@elsewhere.test>") == 4


def test_somebody_who_was_only_refused(capsys: Any) -> None:
    assert main(["trace", "198.51.100.70", str(EXCHANGER)]) == 0
    said = capsys.readouterr().out
    assert "DENYLISTED" in said


def test_what_nobody_names(capsys: Any) -> None:
    assert main(["trace", "never-seen", str(EXCHANGER)]) == 3
    assert "nothing names never-seen" in capsys.readouterr().err


def test_two_characters_name_too_much() -> None:
    with pytest.raises(SystemExit) as left:
        main(["trace", "ab", str(EXCHANGER)])
    assert left.value.code == 2


def test_a_copy_for_the_backup_is_part_of_the_letter_that_it_copies(capsys: Any, tmp_path: Path) -> None:
    (alone,) = trace(capsys, FORWARDED, *LOGS)["messages"]
    stamp = (datetime.fromisoformat(alone["lines"][-1]["time"]).astimezone() + timedelta(seconds=1)).isoformat()
    said = [
        "postfix-copies/smtpd[7]: B1234567: client=localhost[127.0.0.1]",
        "postfix-copies/smtpd[7]: 4FC1033EA90: client=localhost[127.0.0.1]",
        f"postfix-copies/cleanup[8]: 4FC1033EA90: message-id=<{FORWARDED}@client.elsewhere.test>",
        "postfix-copies/qmgr[9]: 4FC1033EA90: from=<>, size=3181, nrcpt=1 (queue active)",
        "postfix-copies/smtp[9]: 4FC1033EA90: to=<bela@backup1.madstop.test>, status=sent (250 2.0.0 Ok: queued as 99AA99AA99)",
    ]
    copies = tmp_path / "copies.log"
    copies.write_text("".join(f"{stamp} hermes {one}\n" for one in said))
    logs = [*LOGS, str(copies)]
    found = trace(capsys, FORWARDED, *logs)
    (message,) = found["messages"]
    assert not found["other_lines"]
    assert message["fates"] == ["OK (message)"]
    assert "bela@backup1.madstop.test" not in message["to"]
    assert [line["program"] for line in message["lines"]][-4:] == [f"postfix-copies/{one}" for one in ("smtpd", "cleanup", "qmgr", "smtp")]
