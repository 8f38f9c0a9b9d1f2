"""Real logs: every connection and every message has one fate, and it is the right one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from services.fates.fates.book import Book
from services.fates.fates.kinds import CONNECTION, FATES, MESSAGE, OWN, SLOT
from services.fates.fates.reading import read
from services.fates.fates.report import build
from services.fates.fates.sources import from_file
from services.fates.tests.conftest import CLUSTER, EXCHANGER, EXPORT, agrees, count, count_lines, fates

#: What was provoked, one session after the other, when the log was made.
CONNECTIONS = {
    "MAIL TAKEN": 25,
    "SPAMMER DISCONNECTED": 16,
    "TOO MANY": 14,
    "SPAMMER BLOCKED": 10,
    "INVALID RECIPIENT": 3,
    "MESSAGE REFUSED": 2,
    "BAD HELO": 1,
    "SENDER REFUSED": 1,
    "RELAY REFUSED": 1,
    "TRY LATER": 1,
    "NO MAIL OFFERED": 1,
}
MESSAGES = {"OK": 11, "BOUNCED": 4, "INFECTED": 3, "SPAM": 2, "BADHEADER": 2, "BANNED": 2, "DELETED": 1, "DEFERRED": 1}


def test_every_fate_that_was_provoked_is_counted_once() -> None:
    report = count(EXCHANGER)
    assert fates(report, "connection") == CONNECTIONS
    assert fates(report, "message") == MESSAGES
    assert agrees(report)
    assert not report["unattributed"]
    assert whole(report)


def whole(report: dict[str, Any]) -> bool:
    """Tell whether nothing has an end without a beginning: the other sign of something that was counted twice."""
    return all(row["begun_unseen"] == 0 for row in report["reconciliation"])


def test_the_sums_can_disagree() -> None:
    book = Book()
    assert read([from_file(EXCHANGER)], book) == []
    book.close()
    (machine,) = (machine for machine in book.machines.values() if machine.entry)
    for unit, name in ((CONNECTION, "BAD HELO"), (MESSAGE, "OK"), (OWN, "SENT")):
        machine.now[SLOT[unit, name]] += 1
        assert [row["unit"] for row in build(book)["reconciliation"] if not row["agrees"]] == [unit]
        machine.now[SLOT[unit, name]] -= 1
    # A connection that is counted by the screening daemon and by the server behind it has an end too many.
    lines = EXCHANGER.read_bytes().splitlines()
    passed = next(line for line in lines if b" PASS OLD [" in line)
    twice = [part for line in lines for part in ([line, line.replace(b"PASS OLD", b"DISCONNECT")] if line == passed else [line])]
    assert not whole(count_lines(twice))


def test_sums_are_the_numbers_of_the_lines_that_begin_a_connection_and_take_a_message(real: list[bytes]) -> None:
    report = count(EXCHANGER)
    connects = sum(b"]: CONNECT from [" in line for line in real)
    taken = {
        line.split()[3]
        for line in real
        if b" postfix-outside/qmgr[" in line and b"(queue active)" in line and b"double-bounce@" not in line
    }
    assert sum(fates(report, "connection").values()) == connects == report["reconciliation"][0]["begun"]
    assert sum(fates(report, "message").values()) == len(taken) == report["reconciliation"][1]["begun"]


def test_the_talks_list_adds_up_to_connections_without_mail_and_messages() -> None:
    report = count(EXCHANGER)
    connections, messages = fates(report, "connection"), fates(report, "message")
    assert report["total"] == sum(connections.values()) - connections["MAIL TAKEN"] + sum(messages.values())
    assert report["total"] == sum(row["count"] for row in report["fates"])
    counts = [row["count"] for row in report["fates"]]
    assert counts == sorted(counts, reverse=True)
    assert {fate.name for fate in FATES if fate.talk} == {
        "SPAMMER BLOCKED", "OK", "SPAMMER DISCONNECTED", "INVALID RECIPIENT", "SPAM", "BADHEADER", "INFECTED", "BAD HELO", "BANNED",
    }  # fmt: skip


def test_what_is_most_frequent() -> None:
    report = count(EXCHANGER)
    assert {row["name"]: row["count"] for row in report["viruses"]} == {"Eicar-Test-Signature": 2, "Posthouse.Trojan-1": 1}
    assert {row["name"]: row["count"] for row in report["lists"]} == {"bl.test": 3}
    assert {row["name"]: row["count"] for row in report["listed"]} == {"bl.test": 8, "sbl.test": 8}
    assert {row["name"]: row["count"] for row in report["banned"]} == {".exe": 2}
    assert {row["name"]: row["count"] for row in report["passed_with_mark"]} == {"SPAMMY": 2, "SPAM": 1}


def test_a_journal_and_its_lines_tell_the_same() -> None:
    lines, journal = count(EXCHANGER), count(EXPORT)
    for report in (lines, journal):
        for key in ("lines", "hours", "days", "from", "to"):
            report.pop(key)
    assert lines == journal


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_mail_is_followed_to_the_mailstores_whatever_the_order_of_their_logs(order: tuple[int, ...]) -> None:
    report = count(*(CLUSTER[at] for at in order))
    assert agrees(report)
    assert not report["unattributed"]
    assert whole(report)
    assert fates(report, "message") == {"OK": 75, "BOUNCED": 5}
    # Forwards are parts of the messages that they come from; what is left was born here: replies and reports.
    assert fates(report, "own message") == {"SENT": 12}


def test_without_the_mailstores_logs_mail_is_followed_as_far_as_the_exchanger_tells() -> None:
    report = count(CLUSTER[0])
    assert agrees(report)
    assert fates(report, "message") == {"OK": 77, "BOUNCED": 3}


def test_fates_stand_in_the_hour_in_which_they_were_decided(real: list[bytes]) -> None:
    report = count(EXCHANGER)
    assert set(report["hours"]) == {"2026-11-22T19", "2026-11-22T20"}
    summed: dict[str, int] = {}
    for units in report["hours"].values():
        for fate, number in units["connection"].items():
            summed[fate] = summed.get(fate, 0) + number
    assert summed == fates(report, "connection")
    early = count_lines([line for line in real if line.startswith(b"2026-11-22T19")])
    assert early["hours"]["2026-11-22T19"]["connection"] == report["hours"]["2026-11-22T19"]["connection"]


def test_an_older_postfix_names_no_queue_id_before_a_lost_connection(real: list[bytes]) -> None:
    older = [re.sub(rb"NOQUEUE: (?=lost connection|too many errors|timeout)", b"", line) for line in real]
    older = [line.replace(b"ALLOWLISTED", b"WHITELISTED").replace(b"DENYLISTED", b"BLACKLISTED") for line in older]
    assert fates(count_lines(older), "connection") == CONNECTIONS


def test_long_queue_ids(real: list[bytes]) -> None:
    """postconf(5) enable_long_queue_ids: base 52 without vowels, never ambiguous with a word."""
    longer = [
        re.sub(rb"\b([0-9A-F]{10,12})\b", lambda match: b"4dGrY" + match[1].translate(bytes.maketrans(b"AE", b"XY")) + b"z", line)
        for line in real
    ]
    report = count_lines(longer)
    assert fates(report, "message") == MESSAGES
    assert agrees(report)


def line(text: str, program: str = "postfix-outside/smtpd[7]", second: int = 0) -> bytes:
    return f"2026-11-22T19:00:{second:02}+00:00 mx1 {program}: {text}".encode()


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        ("550 5.1.1 <a@b.test>: Recipient address rejected: User unknown in local recipient table", "INVALID RECIPIENT"),
        ("550 5.2.1 <a@b.test>: Recipient address rejected: Mailaddress is administratively disabled.", "INVALID RECIPIENT"),
        ("450 4.1.1 <a@b.test>: Recipient address rejected: unverified address: timed out", "TRY LATER"),
        ("451 4.3.0 <a@b.test>: Temporary lookup failure", "TRY LATER"),
        ("504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname", "BAD HELO"),
        ("554 5.7.1 <x[192.0.2.9]>: Client host rejected: Access denied", "SPAMMER BLOCKED"),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.example; why", "SPAMMER BLOCKED"),
        ("554 5.7.1 <f@g.test>: Sender address rejected: Access denied", "SENDER REFUSED"),
        ("554 5.7.1 <a@b.test>: Relay access denied", "RELAY REFUSED"),
        ("452 4.5.3 Error: too many recipients", "TOO MANY"),
        ("550 5.7.1 <a@b.test>: something that nobody foresaw", "OTHERWISE REFUSED"),
    ],
)
def test_answers(answer: str, fate: str) -> None:
    gone = line("disconnect from x[192.0.2.9] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")
    report = count_lines([line("connect from x[192.0.2.9]"), rejected(answer), gone])
    assert fates(report, "connection") == {fate: 1}


def rejected(answer: str) -> bytes:
    return line(f"NOQUEUE: reject: RCPT from x[192.0.2.9]: {answer}; from=<> to=<a@b.test> proto=ESMTP helo=<h>")


def test_the_first_answer_for_good_decides_and_mail_outweighs_all() -> None:
    refused = [
        line("connect from x[192.0.2.9]"),
        rejected("451 4.3.0 <a@b.test>: Temporary lookup failure"),
        rejected("554 5.7.1 <c@d.test>: Relay access denied"),
        rejected("550 5.1.1 <a@b.test>: Recipient address rejected: no"),
        line("NOQUEUE: lost connection after RCPT from x[192.0.2.9]"),
    ]
    gone = line("disconnect from x[192.0.2.9] ehlo=1 mail=1 rcpt=0/3 commands=2/5")
    assert fates(count_lines([*refused, gone]), "connection") == {"RELAY REFUSED": 1}
    gone = line("disconnect from x[192.0.2.9] ehlo=1 mail=2 rcpt=1/4 data=1 commands=5/8")
    assert fates(count_lines([*refused, gone]), "connection") == {"MAIL TAKEN": 1}


def test_a_message_that_was_taken_before_the_logs_begin_is_counted_as_such(real: list[bytes], tmp_path: Path) -> None:
    late = tmp_path / "late.log"
    start = next(at for at, one in enumerate(real) if b"/qmgr[" in one and b"B3B822BA1B4: from=" in one)
    late.write_bytes(b"\n".join(real[start + 1 :]) + b"\n")
    report = count(late)
    assert agrees(report)
    assert report["reconciliation"][1]["begun_unseen"] >= 1


def test_a_list_has_the_name_that_its_reply_map_gives_it() -> None:
    """postconf(5) postscreen_dnsbl_reply_map: clients are told of "the list of madstop.test" instead of a zone with a secret in it."""
    screen = "postfix-outside/postscreen[7]"
    said = (
        "550 5.7.1 Service unavailable; client [192.0.2.9] blocked using the list of madstop.test; from=<f@g.test>, to=<a@b.test>, helo=<h>"
    )
    report = count_lines([
        line("CONNECT from [192.0.2.9]:9 to [192.0.2.25]:25", screen),
        line("DNSBL rank 2 for [192.0.2.9]:9", screen),
        line(f"NOQUEUE: reject: RCPT from [192.0.2.9]:9: {said}", screen),
        line(f"NOQUEUE: reject: RCPT from [192.0.2.9]:9: {said}", screen),
        line("DISCONNECT [192.0.2.9]:9", screen),
    ])  # fmt: skip
    assert report["lists"] == [{"name": "the list of madstop.test", "count": 1}]
    assert report["recipients"] == {"SPAMMER BLOCKED": 2}
    assert fates(report, "connection") == {"SPAMMER BLOCKED": 1}


SCREEN = "postfix-outside/postscreen[7]"
SERVED = [line("connect from x[192.0.2.9]"), line("disconnect from x[192.0.2.9] ehlo=1 quit=1 commands=2")]


@pytest.mark.parametrize("passed", ["PASS NEW", "PASS OLD", "ALLOWLISTED"])
@pytest.mark.parametrize(
    "judged", ["DNSBL rank 3 for [192.0.2.9]:9", "DENYLISTED [192.0.2.9]:9", "PREGREET 4 after 0 from [192.0.2.9]:9: EHLO"]
)
def test_who_is_judged_and_goes_on_all_the_same_has_the_servers_word(judged: str, passed: str) -> None:
    """An action of postscreen may be "ignore" (postconf(5))."""
    begun = [line("CONNECT from [192.0.2.9]:9 to [192.0.2.25]:25", SCREEN), line(judged, SCREEN), line(f"{passed} [192.0.2.9]:9", SCREEN)]
    report = count_lines([*begun, *SERVED])
    assert fates(report, "connection") == {"NO MAIL OFFERED": 1}
    assert agrees(report)
    assert whole(report)


def test_the_tests_after_the_greeting_end_with_4xx_and_no_session() -> None:
    report = count_lines([
        line("CONNECT from [192.0.2.9]:9 to [192.0.2.25]:25", SCREEN),
        line("NOQUEUE: reject: RCPT from [192.0.2.9]:9: 450 4.3.2 Service currently unavailable; from=<f@g.test>, to=<a@b.test>", SCREEN),
        line("PASS NEW [192.0.2.9]:9", SCREEN),
        line("DISCONNECT [192.0.2.9]:9", SCREEN),
    ])  # fmt: skip
    assert fates(report, "connection") == {"TRY LATER": 1}
    assert agrees(report)
    assert whole(report)


def test_a_client_whose_second_connection_passes_without_a_word() -> None:
    """postscreen(8) logs PASS OLD for the first of a client's connections at a time only."""
    connect = "CONNECT from [192.0.2.9]:{} to [192.0.2.25]:25"
    report = count_lines(
        [line(connect.format(9), SCREEN), line("PASS OLD [192.0.2.9]:9", SCREEN), line(connect.format(10), SCREEN), *SERVED * 2]
    )
    assert fates(report, "connection") == {"NO MAIL OFFERED": 2}
    assert agrees(report)
    assert whole(report)


def test_who_passed_and_met_no_server_is_shown() -> None:
    report = count_lines([
        line("CONNECT from [192.0.2.9]:9 to [192.0.2.25]:25", SCREEN),
        line("PASS NEW [192.0.2.9]:9", SCREEN),
        line("CONNECT from [192.0.2.10]:9 to [192.0.2.25]:25", SCREEN),
    ])  # fmt: skip
    assert fates(report, "connection") == {"UNATTRIBUTED": 1, "UNFINISHED": 1}
    assert report["unattributed"] == [{"name": "connection: passed the screening, and the server tells nothing of it", "count": 1}]


def test_another_instance_may_be_the_front_door() -> None:
    book = Book(["mta-in"])
    book.text(b"\n".join(part.replace(b"postfix-outside", b"mta-in") for part in SERVED) + b"\n")
    book.close()
    assert fates(build(book), "connection") == {"NO MAIL OFFERED": 1}
    assert fates(count_lines([part.replace(b"postfix-outside", b"mta-in") for part in SERVED]), "connection") == {}
