"""What other services say of themselves is read in full, and whatever else they say is a finding too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.status.status.findings import Finding, Level
from services.status.status.programs import read
from services.status.status.settings import Settings

NOW = 1_795_390_000.0  # 2026-11-22 23:26:40 UTC
RECIPIENTS = {"state": "current", "refreshed": "2026-11-22T23:25:51+00:00", "objection": None, "fault": None, "valid": 42}
LIST = {"zone": "a.test", "out": False, "by": "", "reason": "", "since": 0.0, "failures": 0, "checked": NOW - 60, "fault": ""}
MIRROR = {"zone": "a.test", "state": "current", "fetched": NOW - 60, "fault": ""}
BLOCKLISTS = {"resolver": "answers", "policy": "", "lists": [LIST, {**LIST, "zone": "b.test"}], "mirrors": [MIRROR]}
SIGNATURES = {"state": "current", "reason": "", "signatures": 6, "fetching": {"x": {"succeeded": NOW - 3600}}}
ANTISPAM = {"state": "current", "reason": "", "channels": {}, "bayes": {"nspam": 0}}
QUARANTINE: dict[str, Any] = {
    "migrations_pending": [],
    "classes": {"spam": {"messages": 3}},
    "jobs": {"dump": {"state": "done", "fine": 1, "detail": {}}},
    "dumps": [{"file": "x", "bytes": 1, "at": "20261122T200000Z"}],
}
RATES: dict[str, Any] = {"counting": {"state": "shared", "fault": None}, "directory": {"state": "current", "fault": None}}
SEALED = {"newest": NOW - 3600, "bytes": 1, "fault": ""}
SITE_STATE: dict[str, Any] = {"state": "fine", "reason": "", "sources": {"directory": SEALED}}
OUT = {**LIST, "out": True, "by": "check", "reason": "dead", "since": NOW - 7200, "failures": 5}


def told(name: str, said: dict[str, Any], status: int = 0) -> list[Finding]:
    return read(name, json.dumps(said), status, "", Settings(), NOW)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("recipients", RECIPIENTS),
        ("blocklists", BLOCKLISTS),
        ("blocklists", {**BLOCKLISTS, "lists": [], "mirrors": []}),
        ("signatures", SIGNATURES),
        ("signatures", {**SIGNATURES, "fetching": {}}),
        ("antispam", ANTISPAM),
        ("quarantine", QUARANTINE),
        ("rates", RATES),
        ("rates", {"counting": {"state": "alone", "fault": None}, "directory": None}),
        ("site-state", SITE_STATE),
        ("anything", {"state": "well"}),
    ],
)
def test_all_is_fine(name: str, said: dict[str, Any]) -> None:
    found = told(name, said)
    assert found
    assert {one.level for one in found} == {Level.FINE}, found


@pytest.mark.parametrize(
    ("name", "said", "level", "word"),
    [
        ("site-state", {**SITE_STATE, "state": "off", "reason": "cluster_operator_keys names no key"}, Level.WARNING, "no key"),
        ("site-state", {**SITE_STATE, "sources": {"directory": {**SEALED, "fault": "slapcat failed"}}}, Level.WARNING, "slapcat failed"),
        ("site-state", {**SITE_STATE, "sources": {"directory": {**SEALED, "newest": NOW - 31 * 3600}}}, Level.WARNING, "sealed"),
        ("site-state", {**SITE_STATE, "sources": {"directory": {**SEALED, "newest": NOW - 81 * 3600}}}, Level.CRITICAL, "sealed"),
        ("recipients", {**RECIPIENTS, "state": "stale", "fault": "no server"}, Level.WARNING, "no server"),
        ("recipients", {**RECIPIENTS, "refreshed": "2026-11-22T23:00:00+00:00"}, Level.WARNING, "27 minutes"),
        ("recipients", {**RECIPIENTS, "state": "refused", "objection": "half are lost"}, Level.CRITICAL, "half are lost"),
        ("recipients", {"state": "away", "fault": "the service does not answer"}, Level.CRITICAL, "does not answer"),
        ("recipients", {**RECIPIENTS, "refreshed": None}, Level.CRITICAL, "never"),
        ("blocklists", {**BLOCKLISTS, "resolver": "is silent"}, Level.CRITICAL, "is silent"),
        ("blocklists", {**BLOCKLISTS, "lists": [LIST, OUT]}, Level.WARNING, "out of use for 2 hours"),
        ("blocklists", {**BLOCKLISTS, "lists": [OUT]}, Level.CRITICAL, "no DNS list is left"),
        ("blocklists", {**BLOCKLISTS, "lists": [{**LIST, "failures": 1, "fault": "late"}]}, Level.WARNING, "late"),
        ("blocklists", {**BLOCKLISTS, "mirrors": [{**MIRROR, "fault": "rsync: 5"}]}, Level.WARNING, "rsync: 5"),
        ("blocklists", {**BLOCKLISTS, "lists": [{**LIST, "checked": NOW - 3600}]}, Level.WARNING, "60 minutes ago"),
        ("blocklists", {**BLOCKLISTS, "policy": "no key"}, Level.WARNING, "no key"),
        ("signatures", {**SIGNATURES, "state": "stale", "reason": "x: 404"}, Level.WARNING, "x: 404"),
        ("signatures", {**SIGNATURES, "state": "refused", "reason": "lost"}, Level.WARNING, "lost"),
        ("signatures", {**SIGNATURES, "state": "away", "reason": "clamd"}, Level.CRITICAL, "clamd"),
        ("signatures", {**SIGNATURES, "fetching": {"x": {"succeeded": NOW - 200 * 3600}}}, Level.CRITICAL, "8 days ago"),
        ("antispam", {**ANTISPAM, "state": "faulty", "reason": "Bayes is away"}, Level.WARNING, "Bayes is away"),
        ("quarantine", {**QUARANTINE, "migrations_pending": ["0003"]}, Level.CRITICAL, "0003"),
        ("quarantine", {**QUARANTINE, "dumps": [{"at": "20261121T120000Z"}]}, Level.WARNING, "35 hours"),
        ("quarantine", {**QUARANTINE, "jobs": {"purge": {"state": "failed", "detail": {"fault": "full"}}}}, Level.WARNING, "full"),
        ("quarantine", {**QUARANTINE, "jobs": {"check": {"state": "failed", "detail": {}}}}, Level.CRITICAL, "check"),
        ("rates", {**RATES, "counting": {"state": "away", "fault": "no database"}}, Level.WARNING, "no database"),
        ("rates", {**RATES, "directory": {"state": "away", "fault": "no server"}}, Level.WARNING, "no server"),
        ("anything", {"state": "ill", "reason": "fever"}, Level.FINE, "ill: fever"),
    ],
)
def test_what_is_wrong_is_said_once_and_with_a_remedy(name: str, said: dict[str, Any], level: Level, word: str) -> None:
    found = told(name, said)
    assert max(one.level for one in found) is level
    assert word in " ".join(one.says for one in found if one.level is level)
    assert all(one.remedy for one in found if one.level)


def test_a_state_that_is_unknown_here_is_critical() -> None:
    assert told("recipients", {**RECIPIENTS, "state": "on fire"})[0].level is Level.CRITICAL
    assert told("anything", {"state": "ill"}, status=1)[0].level is Level.CRITICAL


def test_a_program_may_bring_findings_of_its_own() -> None:
    one = {"about": "drill", "level": "warning", "says": "it was not good\x1b[2J", "remedy": "backup drill", "figures": {"hours": 31.5}}
    found = told("backup", {"findings": [one, {"about": "room", "level": "fine", "says": "5 MB are free"}]}, status=1)
    assert [(each.check, each.about, each.level) for each in found] == [
        ("backup", "drill", Level.WARNING),
        ("backup", "room", Level.FINE),
    ]
    assert (found[0].remedy, found[0].figures) == ("backup drill", {"hours": 31.5})
    assert "\x1b" not in found[0].says


@pytest.mark.parametrize(
    "odd", [5, {}, {"about": "x", "says": "y", "level": "on fire"}, {"about": "x", "says": "y", "level": "fine", "figures": 3}]
)
def test_findings_that_are_none_are_a_finding(odd: Any) -> None:
    assert told("backup", {"findings": [odd]})[0].level is Level.CRITICAL


@pytest.mark.parametrize("output", ["", "no JSON", "[]", "{}", '{"state": 5}', "null", '{"resolver": "answers"}'])
@pytest.mark.parametrize("name", ["recipients", "blocklists", "signatures", "antispam", "quarantine"])
def test_nonsense_is_a_finding_and_no_traceback(name: str, output: str) -> None:
    found = read(name, output, 1, "it broke\nfor a reason", Settings(), NOW)
    assert max(one.level for one in found) is Level.CRITICAL
    assert all(one.remedy for one in found if one.level)
