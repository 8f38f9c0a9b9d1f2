"""What a person types, and whose items a person has."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pytest

from services.quarantine.quarantine import items, output
from services.quarantine.quarantine.command import _moment, main
from services.quarantine.quarantine.errors import UsageError


def item(**changes: Any) -> items.Item:
    values: dict[str, Any] = {
        "id": "abcdefghijkl",
        "partition": 202647,
        "number": 1,
        "recipient": "al@madstop.test",
        "sender": "m@x",
        "kind": "spam",
        "state": "held",
        "seen": False,
        "score": 12.5,
        "size": 20480,
        "at": 1795000000,
        "subject": "s\x1b[2J",
        "author": "M",
        "message_id": "<x>",
        "client": "198.51.100.66",
        "copy": True,
    }
    return items.Item(**values | changes)


def test_times() -> None:
    assert abs(_moment("2h") - (time.time() - 7200)) < 2
    assert _moment("2026-11-22") == 1795305600
    assert _moment("2026-11-22T01:00+01:00") == 1795305600
    with pytest.raises(argparse.ArgumentTypeError):
        _moment("yesterday")


@pytest.mark.parametrize(
    ("recipient", "owned"),
    [
        ("al@madstop.test", True),
        ("AL@madstop.test", True),
        ("al+x@madstop.test", True),
        ("al+x+y@madstop.test", True),
        ("hardy@alumni.madstop.test", True),
        ("alx@madstop.test", False),
        ("al@elsewhere.test", False),
        ("x+al@madstop.test", False),
        ("al@madstop.test@elsewhere.test", False),
    ],
)
def test_whose_an_item_is(recipient: str, owned: bool) -> None:
    assert items.person(["Al@madstop.test", "hardy@alumni.madstop.test"]).owns(recipient) is owned


def test_an_extension_means_nothing_without_a_delimiter() -> None:
    assert not items.person(["al@madstop.test"], "").owns("al+x@madstop.test")


@pytest.mark.parametrize("addresses", [[], ["al"], ["@madstop.test"], ["al@"]])
def test_a_person_without_an_address_is_nobody(addresses: list[str]) -> None:
    with pytest.raises(UsageError):
        items.person(addresses)


def test_a_line_of_the_list_cannot_drive_the_terminal() -> None:
    (line,) = output.table([item(sender="", size=123456789)])
    assert "\x1b" not in line
    assert "<>" in line


def test_secrets_are_no_part_of_an_item() -> None:
    assert not [name for name in item().as_json() if "secret" in name]


def test_a_fault_is_an_object_for_programs_and_a_line_for_people(tmp_path: Path, capsys: Any) -> None:
    none = str(tmp_path / "none")
    assert main(["list", "--json", "--config", none]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "usage"
    assert main(["list", "--config", none]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("quarantine: ")


def test_help_names_the_exit_codes(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["release", "--help"])
    assert "5 somebody else's" in " ".join(capsys.readouterr().out.split())
