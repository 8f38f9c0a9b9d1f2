"""What people hand in on a submission machine is counted for itself, and is none of the world's fates."""

from __future__ import annotations

import pytest

from services.fates.fates.book import Book
from services.fates.fates.kinds import HANDED_IN, LETTER, SESSION
from services.fates.fates.report import build
from services.fates.fates.writing import text
from services.fates.tests.conftest import EXCHANGER, agrees, count_lines, fates

PERSON = "hermes.madstop.test[10.143.0.21]"
SERVER = "postfix-outside/submission/smtpd[9124]"
MX = EXCHANGER.read_bytes().splitlines()


def line(words: str, program: str = SERVER, machine: str = "smtp1") -> bytes:
    return f"2026-11-22T19:00:00+00:00 {machine} {program}: {words}".encode()


def session(*words: str, program: str = SERVER, counts: str = "ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1") -> list[bytes]:
    told = [f"connect from {PERSON}", *words, f"disconnect from {PERSON} {counts}"]
    return [line(one, program) for one in told]


def letter(queue_id: str, to: str = "someone@elsewhere.test") -> list[bytes]:
    """A letter of a person to the world, signed, as smtp1 logs it."""
    second, third = queue_id + "2", queue_id + "3"
    done = "delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as"
    return [
        *session(f"{queue_id}: client={PERSON}, sasl_method=PLAIN, sasl_username=alma"),
        line(f"{queue_id}: from=<alma@madstop.test>, size=900, nrcpt=1 (queue active)", "postfix-outside/qmgr[1]"),
        line(f"{second}: client=localhost[127.0.0.1], orig_queue_id={queue_id}, orig_client={PERSON}", "postfix-fixup/smtpd[2]"),
        line(f"{queue_id}: to=<{to}>, relay=127.0.0.1[127.0.0.1]:10023, {done} {second})", "postfix-outside/relay/smtp[3]"),
        line(f"{queue_id}: removed", "postfix-outside/qmgr[1]"),
        line(f"{third}: client=localhost[127.0.0.1], orig_queue_id={queue_id}, orig_client={PERSON}", "postfix-inside/smtpd[4]"),
        line(f"{third}: DKIM-Signature field added (s=20261122, d=madstop.test)", "opendkim[5]"),
        line(f"{second}: to=<{to}>, relay=127.0.0.1[127.0.0.1]:10024, {done} {third})", "postfix-fixup/smtp[6]"),
        line(f"{second}: removed", "postfix-fixup/qmgr[7]"),
        line(f"{third}: to=<{to}>, relay=mx.elsewhere.test[198.51.100.200]:25, {done} ABC123)", "postfix-inside/smtp[8]"),
        line(f"{third}: removed", "postfix-inside/qmgr[9]"),
    ]


def held(queue_id: str) -> list[bytes]:
    reason = "<END-OF-MESSAGE>: End-of-data more than 5 recipients in 3600 s by person:alma; from=<alma@madstop.test> to=<a@elsewhere.test>"
    return session(
        f"{queue_id}: client={PERSON}, sasl_method=PLAIN, sasl_username=alma",
        f"{queue_id}: hold: END-OF-MESSAGE from {PERSON}: {reason} proto=ESMTP helo=<x>",
    )


def whole(report: dict) -> bool:  # type: ignore[type-arg]
    return agrees(report) and all(row["begun_unseen"] == 0 for row in report["reconciliation"])


def test_a_letter_that_left_is_ok_and_signed() -> None:
    report = count_lines(letter("AAAAAA1"))
    assert report["units"] == {SESSION: {"MAIL TAKEN": 1}, LETTER: {"OK": 1}, "letter's recipient": {"DELIVERED": 1}}
    assert report["signed"] == [{"name": "madstop.test 20261122", "count": 1}]
    assert report["total"] == 0
    assert not report["fates"]
    assert whole(report)
    assert "Letters they handed in\n           1  OK" in text(report)


def test_the_fates_of_the_world_are_what_they_were() -> None:
    alone, beside = count_lines(MX), count_lines([*MX, *letter("AAAAAA1"), *held("BBBBBB1")])
    for name in ("fates", "total", "recipients", "viruses", "lists", "banned", "passed_with_mark"):
        assert alone[name] == beside[name], name
    assert alone["reconciliation"] == beside["reconciliation"][:3]
    assert whole(beside)


@pytest.mark.parametrize(
    ("words", "counts", "fate"),
    [
        (["warning: x[10.0.0.1]: SASL PLAIN authentication failed: (reason unavailable)"], "ehlo=1 auth=0/1 quit=1", "LOGIN REFUSED"),
        (
            [
                "warning: x[10.0.0.1]: SASL PLAIN authentication failed: (reason unavailable)",
                f"NOQUEUE: lost connection after AUTH from {PERSON}",
            ],
            "ehlo=1 auth=0/1 commands=1/2",
            "LOGIN REFUSED",
        ),
        (
            [f"NOQUEUE: reject: RCPT from {PERSON}: 530 5.7.0 <a@b.test>: Recipient address rejected: Log in; from=<c@d> to=<a@b.test>"],
            "ehlo=1 mail=1 rcpt=0/1 quit=1",
            "LOGIN REFUSED",
        ),
        (
            [f"NOQUEUE: reject: RCPT from {PERSON}: 553 5.7.1 <c@d>: Sender address rejected: not owned by user alma; from=<c@d> to=<a@b>"],
            "ehlo=1 auth=1 mail=1 rcpt=0/1 quit=1",
            "SENDER REFUSED",
        ),
        ([f"NOQUEUE: lost connection after CONNECT from {PERSON}"], "commands=0/0", "DISCONNECTED"),
        ([], "ehlo=1 auth=1 quit=1", "NO MAIL OFFERED"),
    ],
)
def test_sessions_without_a_letter(words: list[str], counts: str, fate: str) -> None:
    report = count_lines(session(*words, counts=counts))
    assert fates(report, SESSION) == {fate: 1}
    assert whole(report)


def test_a_letter_on_hold() -> None:
    report = count_lines(held("BBBBBB1"))
    assert fates(report, LETTER) == {"HELD": 1}
    assert whole(report)


def test_a_letter_that_was_let_go_has_the_fate_that_it_meets() -> None:
    went = [one for one in letter("BBBBBB1") if b"submission/smtpd" not in one]
    report = count_lines([*held("BBBBBB1"), line("BBBBBB1: released from hold", "postfix-outside/postsuper[5]"), *went])
    assert fates(report, LETTER) == {"OK": 1}
    assert whole(report)


def test_a_letter_that_was_deleted_on_hold() -> None:
    report = count_lines([*held("BBBBBB1"), line("BBBBBB1: removed", "postfix-outside/postsuper[5]")])
    assert fates(report, LETTER) == {"DELETED": 1}
    assert whole(report)


def test_a_letter_that_a_milter_holds_or_an_operator() -> None:
    words = f"milter-hold: END-OF-MESSAGE from {PERSON}: milter triggers HOLD action; from=<a> to=<b> proto=ESMTP helo=<c>"
    begun = session("CCCCCC1: client=x[10.0.0.1]")
    assert fates(count_lines([*begun, line(f"CCCCCC1: {words}", "postfix-outside/cleanup[3]")]), LETTER) == {"HELD": 1}
    waits = line("CCCCCC1: from=<a>, size=9, nrcpt=1 (queue active)", "postfix-outside/qmgr[1]")
    stopped = line("CCCCCC1: placed on hold", "postfix-outside/postsuper[5]")
    assert fates(count_lines([*begun, waits, stopped]), LETTER) == {"HELD": 1}


def test_a_letter_that_was_to_be_held_and_was_refused_in_the_end_was_never_taken() -> None:
    refused = [one.replace(b"data=1", b"data=0/1") for one in held("BBBBBB1")]
    report = count_lines([*refused[:-1], line("BBBBBB1: removed (canceled)", "postfix-outside/cleanup[3]"), refused[-1]])
    assert fates(report, LETTER) == {}
    assert fates(report, SESSION) == {"MESSAGE REFUSED": 1}
    assert whole(report)


def test_the_campus_port_belongs_to_it_when_either_port_of_logins_was_heard_or_the_machine_is_named() -> None:
    campus = session("DDDDDD1: client=x[10.0.0.1]", program="postfix-outside/smtpd[7]")
    assert SESSION not in count_lines(campus)["units"]
    assert fates(count_lines([*campus, *letter("AAAAAA1")]), SESSION) == {"MAIL TAKEN": 2}
    book = Book(submission=["smtp1.madstop.test"])
    book.text(b"\n".join(campus) + b"\n")
    book.close()
    assert fates(build(book), SESSION) == {"MAIL TAKEN": 1}


def test_the_campus_port_may_be_screened() -> None:
    screen = "postfix-outside/postscreen[9]"
    stranger = [
        line("CONNECT from [198.51.100.9]:25000 to [10.143.0.32]:25", screen),
        line("DENYLISTED [198.51.100.9]:25000", screen),
        line("DISCONNECT [198.51.100.9]:25000", screen),
    ]
    passed = [line("CONNECT from [10.143.0.21]:25001 to [10.143.0.32]:25", screen), line("ALLOWLISTED [10.143.0.21]:25001", screen)]
    report = count_lines(
        [*stranger, *passed, *session("DDDDDD1: client=x[10.0.0.1]", program="postfix-outside/smtpd[7]"), *letter("AAAAAA1")]
    )
    assert fates(report, SESSION) == {"MAIL TAKEN": 2, "BLOCKED": 1}
    assert whole(report)


def test_every_fate_has_one_name_in_its_unit_on_both_sides() -> None:
    from services.fates.fates.kinds import FATES, MOVED  # noqa: PLC0415, because only this test looks behind the names

    assert len({(fate.unit, fate.name) for fate in FATES}) == len(FATES)
    assert all(FATES[ours].unit == HANDED_IN[FATES[world].unit] for world, ours in MOVED.items())


def test_a_forward_on_hold_stays_a_part_of_the_message_that_it_came_from() -> None:
    """Mail of ours that passes a stage which rewrites its sender has two queue ids there, and no stage names its origin."""
    inside = "postfix-inside/qmgr[1]"
    lines = [
        line("AAAA01: uid=0 from=<>", "postfix-inside/pickup[1]", "mx1"),
        line("AAAA01: from=<>, size=260, nrcpt=1 (queue active)", inside, "mx1"),
        line("BBBB01: client=localhost[127.0.0.1]", "postfix-inside/srs/smtpd[2]", "mx1"),
        line("BBBB01: from=<>, size=459, nrcpt=1 (queue active)", inside, "mx1"),
        line(
            "AAAA01: to=<a@b.test>, relay=127.0.0.1[127.0.0.1]:10028, delay=0, delays=0/0/0/0, dsn=2.0.0, "
            "status=sent (250 2.0.0 Ok: queued as BBBB01)",
            "postfix-inside/srs-hop/smtp[3]",
            "mx1",
        ),
        line("AAAA01: removed", inside, "mx1"),
        line("BBBB01: placed on hold", "postfix-inside/postsuper[4]", "mx1"),
    ]
    assert whole(count_lines(lines))
    removed = count_lines([*lines, line("BBBB01: removed", "postfix-inside/postsuper[5]", "mx1")])
    assert removed["units"] == {"own message": {"STOPPED": 1}}
    assert whole(removed)
