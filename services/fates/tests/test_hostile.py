"""What strangers write into logs commands no terminal, runs in no browser and is counted as nobody else's."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fates.fates.page import page
from services.fates.fates.report import printable
from services.fates.fates.writing import comma_separated, text
from services.fates.tests.conftest import EXCHANGER, agrees, count, count_lines, fates
from services.fates.tests.test_counting import line

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x07\x9b2J &amp; \u202egnp.exe'
SHORT = EVIL.replace(" ", "")
EVIL_LINES = [
    line("connect from x[192.0.2.9]"),
    line("ABCDEF01234: client=x[192.0.2.9]"),
    line("ABCDEF01234: from=<f@g.test>, size=1, nrcpt=1 (queue active)", "postfix-outside/qmgr[1]"),
    line(
        f"(1-1) Blocked INFECTED ({EVIL}) {{DiscardedInbound}}, [192.0.2.9]:1 <f> -> <t>, Queue-ID: ABCDEF01234, Message-ID: <{EVIL}>",
        "amavis[2]",
    ),
    line(f"(1-2) Blocked BANNED ({EVIL},.{EVIL}) {{Discarded}}, <f> -> <t>, Queue-ID: 00000000000, Message-ID: <x>", "amavis[2]"),
    line(f"addr 192.0.2.9 listed by domain {EVIL} as 127.0.0.2", "postfix-outside/dnsblog[3]"),
    line("ABCDEF01234: removed", "postfix-outside/qmgr[1]"),
    f"2026-11-22T19:00:00+00:00 {SHORT} postfix-outside/postscreen[1]: CONNECT from [192.0.2.1]:1 to [192.0.2.25]:25".encode(),
    f"2026-11-22T{SHORT[:2]} mx1 postfix-outside/postscreen[1]: CONNECT from [192.0.2.1]:1 to [192.0.2.25]:25".encode(),
]


class Elements(html.parser.HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes += attrs


def elements(content: str) -> Elements:
    parser = Elements()
    parser.feed(content)
    return parser


def test_the_page_holds_no_element_of_strangers() -> None:
    evil, good = elements(page(count_lines(EVIL_LINES), EVIL)), elements(page(count(EXCHANGER)))
    assert evil.found <= good.found | {"section"}
    for parser in (evil, good):
        assert not parser.found & {"script", "img", "link", "iframe", "object", "a", "form", "base"}
        assert not any(name.startswith("on") or name in ("src", "href", "style") for name, _ in parser.attributes)


def test_the_page_fetches_nothing() -> None:
    content = page(count(EXCHANGER))
    for word in ("http:", "https:", "url(", "@import", "//"):
        assert word not in content, word
    assert "prefers-color-scheme: dark" in content
    assert content.count("<svg") >= 2


def test_no_output_commands_a_terminal() -> None:
    report = count_lines(EVIL_LINES)
    for out in (text(report), comma_separated(report), page(report)):
        assert all(character.isprintable() or character == "\n" for character in out)
    assert json.loads(json.dumps(report)) == report


@settings(max_examples=200)
@given(st.text())
def test_printable(content: str) -> None:
    assert printable(content).isprintable()
    assert printable(printable(content)) == printable(content)


def test_a_spreadsheet_finds_no_formula() -> None:
    lines = [one.replace(b"2026-11-22T19", b"2026-11-22T19") for one in EVIL_LINES]
    for cell in (cell for row in comma_separated(count_lines(lines)).splitlines() for cell in row.split(",")):
        assert cell[:1] not in ("=", "+", "@")


def test_a_stranger_cannot_end_somebody_elses_message() -> None:
    """What a client says stands in lines about itself; no word of it is taken for a line of its own."""
    said = "x]: BCDEFA01234: removed postfix-outside/qmgr[1]: BCDEFA01234: removed"
    sender = "x, Queue-ID: BCDEFA01234, Message-ID: <y>@z"
    evil = "postfix-outside/smtpd[8]"
    lines = [
        line("connect from good[192.0.2.1]"),
        line("BCDEFA01234: client=good[192.0.2.1]"),
        line("BCDEFA01234: from=<f@g.test>, size=1, nrcpt=1 (queue active)", "postfix-outside/qmgr[1]"),
        line("disconnect from good[192.0.2.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
        line("CONNECT from [192.0.2.9]:9 to [192.0.2.25]:25", "postfix-outside/postscreen[1]"),
        line(f"PREGREET 9 after 0 from [192.0.2.9]:9: {said}", "postfix-outside/postscreen[1]"),
        line("DISCONNECT [192.0.2.9]:9", "postfix-outside/postscreen[1]"),
        line("connect from evil[192.0.2.9]", evil),
        line(f"NOQUEUE: reject: RCPT from evil[192.0.2.9]: 550 5.1.1 <{said}>: Recipient address rejected: no; helo=<{said}>", evil),
        line(f"(1-1) Blocked SPAM {{Discarded}}, <{sender}> -> <t>, Queue-ID: CDEFAB01234, Message-ID: <{said}>", "amavis[2]"),
        line("disconnect from evil[192.0.2.9] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4", evil),
    ]
    report = count_lines(lines)
    assert fates(report, "message") == {"WAITING": 1}
    assert fates(report, "connection")["SPAMMER DISCONNECTED"] == 1
    assert fates(report, "connection")["INVALID RECIPIENT"] == 1
    assert agrees(report)


def test_a_flood_of_names_stays_bounded() -> None:
    lines: list[Any] = [
        line(f"addr 192.0.2.9 listed by domain {number}.{'x' * 500} as 127.0.0.2", "postfix-outside/dnsblog[3]") for number in range(7000)
    ]
    lines += [f"2026-11-22T19:00:00+00:00 host{number} postfix-outside/dnsblog[1]: x".encode() for number in range(3000)]
    lines += [line("x", f"postfix-outside/smtpd[{number}]") for number in range(30_000)]
    report = count_lines(lines, 5000)
    assert sum(row["count"] for row in report["listed"]) <= 7000
    assert report["listed"][0]["name"] == "(others)"
    assert agrees(report)


def test_lines_with_too_many_spaces_and_too_few_words() -> None:
    lines = [
        b"",
        b" ",
        b"   ",
        b"a  b c",
        b"2026-11-22T19:00:00+00:00  postfix-outside/smtpd[1]: x",
        b": removed (canceled)",
        b"x : removed (canceled)",
    ]
    report = count_lines(lines * 3)
    assert report["total"] == 0
    assert agrees(report)


def test_a_message_id_cannot_take_a_message_back() -> None:
    """Only cleanup's whole word does; a header may end like it."""
    lines = [
        line("connect from x[192.0.2.9]"),
        line("ABCDEF01234: client=x[192.0.2.9]"),
        line("ABCDEF01234: message-id=<x: removed (canceled)", "postfix-outside/cleanup[2]"),
        line("ABCDEF01234: from=<f@g.test>, size=1, nrcpt=1 (queue active)", "postfix-outside/qmgr[1]"),
        line("disconnect from x[192.0.2.9] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
    ]
    report = count_lines(lines)
    assert report["reconciliation"][1] | {"what": ""} == {
        "unit": "message", "what": "", "begun": 1, "begun_unseen": 0, "fates": 1, "agrees": True,
    }  # fmt: skip


def test_charts_are_well_formed() -> None:
    for report in (count(EXCHANGER), count_lines(EVIL_LINES), count_lines([])):
        for chart in re.findall(r"<svg.*?</svg>", page(report), re.DOTALL):
            root = ET.fromstring(chart)  # noqa: S314, because we wrote it ourselves
            for number in re.findall(r'\b(?:x|y|width|height)="([^"]*)"', chart):
                assert float(number) >= 0
            assert root.tag == "svg"
