"""What the milter makes of letters; the library itself is asked in tests/cluster/test_rates.py."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.skim.skim import command
from services.skim.skim.rules import Finding, Letter, findings, normal, worst
from services.skim.skim.session import Session, Verdict
from services.skim.skim.settings import Action, Settings, Watched, load, parse

HOLD = parse({"from_mismatch": "hold", "from_mismatch_recipients": 2, "same_domains": ["madstop.test", "old.test"]})


@pytest.mark.parametrize(
    ("sender", "authors", "found"),
    [
        ("al@madstop.test", ["al@madstop.test"], False),
        ("al@madstop.test", ["Al <AL@Madstop.test>"], False),
        ("al+news@madstop.test", ['"al, really" <al@old.test>'], False),
        ("al@madstop.test", ["al@madstop.test, bo@madstop.test"], False),
        ("al@madstop.test", ["Rector <rector@madstop.test>, al@madstop.test"], True),
        ("al@madstop.test", ["bo@madstop.test"], True),
        ("al@madstop.test", ["al@madstop.test <bo@elsewhere.test>"], True),
        ("al@madstop.test", ['"al@madstop.test" <bo@elsewhere.test>'], True),
        ("al@madstop.test", ["al@madstop.test", "boss@madstop.test"], True),
        ("al@madstop.test", ["al@madstop.test (bo@x.test)"], False),
        ("al@madstop.test", ["(a (b, <c>) \\) d) Al <al@madstop.test>"], False),
        ("al@madstop.test", ["undisclosed: al@madstop.test;"], False),
        ("al@madstop.test", ["<al@madstop.test> <bo@x.test>"], True),
        ("al@madstop.test", ["(al@madstop.test) bo@x.test"], True),
        ("al@madstop.test", ['"al@madstop.test, \\"" <bo@x.test>'], True),
        ("al@madstop.test", [], True),
        ("al@madstop.test", [""], True),
        ("al@madstop.test", ["\udcff\udc00 nonsense <<>"], True),
        ("", ["bo@elsewhere.test"], True),
    ],
)
def test_from_mismatch(sender: str, authors: list[str], found: bool) -> None:
    letter = Letter(sender=sender, authors=authors, recipients=3)
    assert bool(findings(letter, HOLD)) == found
    assert findings(letter, Settings()) == []


@pytest.mark.parametrize(
    ("login", "recipients", "kind", "found"),
    [
        ("", 1, "", False),
        ("", 2, "multipart/report", True),
        ("al", 1, "text/plain", True),
        ("al", 1, "", True),
        ("al", 1, " Multipart/Report; report-type=disposition-notification", False),
        ("al", 2, "multipart/report", True),
    ],
)
def test_without_a_sender_there_are_reports_and_nothing_else(login: str, recipients: int, kind: str, found: bool) -> None:
    everybody = parse({"from_mismatch": "hold", "from_mismatch_recipients": 0})
    letter = Letter(login=login, authors=["rector@madstop.test"], recipients=recipients, kind=kind)
    assert bool(findings(letter, everybody)) == found


def test_only_letters_to_more_than_so_many() -> None:
    assert not findings(Letter(sender="a@b.test", recipients=2), HOLD)
    assert findings(Letter(sender="a@b.test", recipients=3), HOLD) == [
        Finding("from_mismatch", Action.HOLD, "the envelope sender is not the author")
    ]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("A+b+c@Old.TEST", "a@madstop.test"), ("+a@b.test", "+a@b.test"), ("nobody", "nobody"), (" a@c.test ", "a@c.test")],
)
def test_addresses_of_one_mailbox_are_equal(address: str, expected: str) -> None:
    assert normal(address, HOLD) == expected


def test_the_strongest_word_counts() -> None:
    asked = [Finding("a", action, "") for action in (Action.LOG, Action.REJECT, Action.HOLD)]
    assert worst(asked) is Action.REJECT
    assert worst([]) is Action.OFF


def letter(session: Session, sender: str, author: str, recipients: int = 3) -> Verdict:
    session.mail(f"<{sender}>", "al")
    for _ in range(recipients):
        session.recipient()
    session.header("Subject", "x")
    session.header("FROM", author)
    return session.end("4dBqWf0z1Zz")


def test_letters_of_one_connection_are_told_apart() -> None:
    session = Session(HOLD)
    session.connect("192.0.2.7")
    assert letter(session, "al@madstop.test", "bo@madstop.test") == Verdict(Action.HOLD, "the envelope sender is not the author")
    assert letter(session, "al@madstop.test", "al@madstop.test") == Verdict(Action.OFF)
    assert letter(session, "al@madstop.test", "bo@madstop.test", 2) == Verdict(Action.OFF)


def test_a_receipt_is_told_by_its_first_content_type() -> None:
    session = Session(parse({"from_mismatch": "hold", "from_mismatch_recipients": 0}))
    for kinds, action in ((["multipart/report", "text/plain"], Action.OFF), (["text/plain", "multipart/report"], Action.HOLD)):
        session.mail("<>", "al")
        session.recipient()
        session.header("From", "rector@madstop.test")
        for kind in kinds:
            session.header("content-type", kind)
        assert session.end("4dBqWf0z1Zz").action is action


def test_a_letter_that_was_broken_off_is_forgotten() -> None:
    session = Session(HOLD)
    session.mail("<al@madstop.test>", "al")
    session.header("From", "bo@madstop.test")
    assert letter(session, "al@madstop.test", "al@madstop.test") == Verdict(Action.OFF)


def test_what_is_found_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session = Session(parse({"from_mismatch": "log", "from_mismatch_recipients": 0}))
    session.connect("192.0.2.7")
    assert letter(session, "al@madstop.test", "bo\n<evil\x1b[2J> \u202e").action is Action.LOG
    (line,) = caplog.messages
    assert line == (
        "from_mismatch: log: queue_id=4dBqWf0z1Zz person=al client=192.0.2.7 recipients=3 sender=<al@madstop.test> from=<bo??evil?[2J? ?>"
    )


def test_off_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert letter(Session(Settings()), "al@madstop.test", "bo@madstop.test", 1000) == Verdict(Action.OFF)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_mismtach": "log"}, "unknown setting from_mismtach"),
        ({"from_mismatch": "delete"}, "from_mismatch is off, log, hold, reject"),
        ({"from_mismatch": ["log"]}, "from_mismatch is off, log, hold, reject"),
        ({"from_mismatch_recipients": -1}, "from_mismatch_recipients is not"),
        ({"from_mismatch_recipients": True}, "from_mismatch_recipients is not"),
        ({"same_domains": "a.test"}, "same_domains is not"),
        ({"delimiter": 7}, "delimiter is not"),
    ],
)
def test_mistakes(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(given)


def test_settings_follow_their_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "skim.toml"

    def write(text: str) -> None:
        config.with_suffix(".new").write_text(text)
        config.with_suffix(".new").replace(config)

    write('from_mismatch = "hold"\n')
    watched = Watched(config)
    assert watched.now() is watched.now()
    write('from_mismatch = "log"\n')
    assert watched.now().from_mismatch is Action.LOG
    write("from_mismatch = ")
    assert watched.now().from_mismatch is watched.now().from_mismatch is Action.LOG
    config.unlink()
    assert watched.now().from_mismatch is Action.LOG
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    write('from_mismatch = "reject"\n')
    assert watched.now().from_mismatch is Action.REJECT


def test_the_command_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "skim.toml"
    config.write_text('from_mismatch = "hold"\n')
    assert load(config).from_mismatch is Action.HOLD
    assert command.main(["--config", str(config), "check"]) == 0
    config.write_text('from_mismatch = "hold')
    assert command.main(["--config", str(config), "check"]) == 2
    assert command.main(["--config", str(tmp_path / "none"), "check"]) == 2
    assert "skim.toml" in capsys.readouterr().err
