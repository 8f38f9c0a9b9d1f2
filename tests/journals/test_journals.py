"""The last question: did any machine warn of anything since it was made? Each exception stands in exceptions.py with its reason."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from frontdoor import paths
from frontdoor.landscape import Landscape
from tests.faults.faults import WINDOWS
from tests.journals.exceptions import TABLE
from tests.laboratory import Lab

NAMES = [machine.name for machine in Landscape(paths.INVENTORY).ours]
# What the host's kernel says is not the machine's, yet containers see it too (the lab's image says ReadKMsg=no; this is the belt).
COMMAND = "journalctl -q -p warning -o json --output-fields=MESSAGE,SYSLOG_IDENTIFIER,PRIORITY,_TRANSPORT,_COMM"


def entries(lab: Lab, name: str, kernel: bool = False) -> list[dict[str, str]]:
    """Warnings and errors of one machine that no fault test provoked. kernel: it has one of its own, which counts too."""
    windows = json.loads(WINDOWS.read_text()) if WINDOWS.exists() else []
    found = []
    for line in lab.run(name, COMMAND).splitlines():
        entry = json.loads(line)
        if not isinstance(entry.get("MESSAGE"), str):  # bytes that are no UTF-8 come as a list of numbers
            entry["MESSAGE"] = bytes(entry.get("MESSAGE") or []).decode(errors="replace")
        seconds = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        if (kernel or entry.get("_TRANSPORT") != "kernel") and not any(start <= seconds <= end for start, end in windows):
            found.append(entry)
    return found


def unexplained(found: list[dict[str, str]]) -> str:
    """Return the lines among these for which the table has no reason, and how often each was said."""
    lines: Counter[str] = Counter()
    for entry in found:
        identifier, message = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM", ""), entry["MESSAGE"]
        if not any(exception.allows(identifier, message) for exception in TABLE):
            lines[f"{identifier}: {message}"] += 1
    return "\n".join(f"{count} x {line}" for line, count in lines.items())


@pytest.fixture(scope="module")
def journals(lab: Lab) -> dict[str, list[dict[str, str]]]:
    """Every machine's warnings."""
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(NAMES, pool.map(lambda name: entries(lab, name), NAMES), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_warning_without_a_reason(journals: dict[str, list[dict[str, str]]], name: str) -> None:
    assert unexplained(journals[name]) == ""


def test_every_exception_has_a_reason() -> None:
    for exception in TABLE:
        assert len(exception.reason.split()) > 4, exception
        assert exception.pattern not in ("", ".*"), exception


def test_journals_are_kept_and_read(lab: Lab) -> None:
    """A test that finds no warnings must not do so because it finds no journal."""
    for name in NAMES:
        assert int(lab.run(name, "journalctl -q -o cat | wc -l")) > 50, name
