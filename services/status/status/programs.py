"""What the other services say of themselves: their own commands, with --json, read as findings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .findings import Finding, Level, Limits, duration, listed, restored
from .settings import Settings

Said = Mapping[str, Any]
Reader = Callable[[Said, int, Settings, float], list[Finding]]
#: A file that is written when a machine starts for the first time (machine-id(5)).
BORN = Path("/etc/machine-id")
_LEVELS = {"current": Level.FINE, "stale": Level.WARNING}


def read(name: str, output: str, status: int, fault: str, settings: Settings, now: float | None = None) -> list[Finding]:
    """Read what a command printed. fault: what it complained of, or why it did not end."""
    lines = fault.splitlines()
    try:
        said = json.loads(output)
        return READERS.get(name, _other(name))(said, status, settings, time.time() if now is None else now)
    except ValueError:
        why = lines[-1] if lines else f"status {status}"
    except (KeyError, TypeError, AttributeError, ArithmeticError) as odd:
        why = f"its answer is not what it should be: {odd!r}"
    return [
        Finding(name, "status", Level.CRITICAL, f"{name} does not say how it is: {why}", f"{name} status says more; so does journalctl -e")
    ]


def _one(name: str, level: Level, says: str, remedy: str, about: str = "status", **figures: Any) -> Finding:
    return Finding(name, about, level, says, remedy, figures)


def _recipients(said: Said, _status: int, settings: Settings, now: float) -> list[Finding]:
    state = said["state"]
    remedy = "recipients status and journalctl -u posthouse-recipients -e say why; the last good table serves meanwhile"
    if state == "refused":
        remedy = "if so many people are really gone: recipients refresh --accept-loss; else mend the directory (docs/exchanger.md)"
    reason = said.get("objection") or said.get("fault")
    if state == "away":
        return [_one("recipients", Level.CRITICAL, f"the table of recipients is not followed: {reason}", remedy)]
    age = now - datetime.fromisoformat(said["refreshed"]).timestamp() if said.get("refreshed") else float("inf")
    level = max(_LEVELS.get(state, Level.CRITICAL), settings.recipients_minutes.above(age / 60))
    read_at = f"read anew {duration(age)} ago" if said.get("refreshed") else "never read"
    says = f"the table of recipients is {state}, {read_at}: {said.get('valid')} addresses" + (f"; {reason}" if reason else "")
    return [_one("recipients", level, says, remedy, valid=said.get("valid"), seconds=round(age) if said.get("refreshed") else None)]


def _blocklists(said: Said, _status: int, settings: Settings, now: float) -> list[Finding]:
    resolver = said["resolver"]
    born = BORN.stat().st_mtime
    if resolver == "never asked":
        level = settings.blocklists_minutes.above((now - born) / 60)
        says = "lists have not been checked yet"
        return [_one("blocklists", level, says, "systemctl list-timers posthouse-blocklists-check.timer", "watch")]
    if resolver != "answers":
        remedy = "systemctl status named; without a resolver no list is asked and mail goes on without them"
        return [_one("blocklists", Level.CRITICAL, f"the resolver that lists are asked through: {resolver}", remedy, "resolver")]
    found = []
    if said.get("policy"):
        says = f"lists cannot be taken out: {said['policy']}"
        found.append(_one("blocklists", Level.WARNING, says, "journalctl -u posthouse-blocklists-check -e", "policy"))
    remedy = "blocklists status shows all; it comes back by itself when it answers rightly (docs/blocklists.md)"
    out = [one for one in said["lists"] if one["out"]]
    for one in out:
        by = "an operator" if one["by"] == "operator" else "the watch"
        says = f"{one['zone']} is out of use for {duration(now - one['since'])}, by {by}: {one['reason']}"
        found.append(_one("blocklists", Level.WARNING, says, remedy, one["zone"]))
    for one in said["lists"]:
        if one["failures"] and not one["out"]:
            says = f"{one['zone']} has answered wrongly {one['failures']} times in a row: {one['fault']}"
            found.append(_one("blocklists", Level.WARNING, says, remedy, one["zone"]))
    if said["lists"] and len(out) == len(said["lists"]):
        found.append(_one("blocklists", Level.CRITICAL, "no DNS list is left in use", remedy, "lists"))
    for one in said.get("mirrors", []):
        if one["fault"] or (not one["fetched"] and settings.blocklists_minutes.above((now - born) / 60)):
            says = f"the mirror of {one['zone']} is {one['state']}: {one['fault'] or 'never fetched'}"
            found.append(_one("blocklists", Level.WARNING, says, "blocklists fetch tries again and says more", f"{one['zone']} mirror"))
    # A list that is new has not been checked yet.
    oldest = min((one["checked"] or born for one in said["lists"]), default=now)
    if now - oldest > settings.blocklists_minutes.warning * 60:
        level = settings.blocklists_minutes.above((now - oldest) / 60)
        says = f"lists were last checked {duration(now - oldest)} ago"
        found.append(_one("blocklists", level, says, "systemctl list-timers posthouse-blocklists-check.timer", "watch"))
    if not found:
        found.append(
            _one("blocklists", Level.FINE, f"{len(said['lists'])} lists are in use, {len(said.get('mirrors', []))} mirrors are current", "")
        )
    return found


def _signatures(said: Said, _status: int, settings: Settings, now: float) -> list[Finding]:
    remedy = "signatures status says more; signatures update tries again now (docs/antivirus.md)"
    ages = [now - one["succeeded"] for one in said.get("fetching", {}).values()]
    level = _LEVELS.get(said["state"], Level.CRITICAL)
    if said["state"] == "refused":
        level = Level.WARNING
    says = f"{said['signatures']} signatures are in use"
    if ages:
        says += f", the oldest source was last reached {duration(max(ages))} ago"
        level = max(level, settings.signatures_hours.above(max(ages) / 3600))
    if said["state"] != "current":
        says = f"signatures are {said['state']}: {said['reason']}; {says}"
    return [_one("signatures", level, says, remedy, signatures=said["signatures"], seconds=round(max(ages)) if ages else None)]


def _antispam(said: Said, _status: int, _settings: Settings, _now: float) -> list[Finding]:
    if said["state"] == "current":
        channels = len(said.get("channels", {}))
        return [
            _one("antispam", Level.FINE, f"rules of {channels} channels are current, Bayes answers" if channels else "Bayes answers", "")
        ]
    # A filter without them still judges by the rules it has.
    remedy = "antispam status says more; is the quarantine's database up, are the channels reached? (docs/antispam.md)"
    return [_one("antispam", Level.WARNING, f"SpamAssassin does with less: {said['reason']}", remedy)]


def _quarantine(said: Said, _status: int, settings: Settings, now: float) -> list[Finding]:
    found = []
    if said["migrations_pending"]:
        says = f"tables are of an older version: {listed(said['migrations_pending'])} wait"
        found.append(_one("quarantine", Level.CRITICAL, says, "quarantine-admin migrate, or playbooks/site.yml", "tables"))
    for name, one in said.get("jobs", {}).items():
        if one["state"] == "failed":
            why = one["detail"].get("fault") or "its detail says no reason"
            remedy = f"journalctl -u posthouse-quarantine-{name} -e; systemctl start posthouse-quarantine-{name} tries again"
            found.append(
                _one("quarantine", Level.CRITICAL if name == "check" else Level.WARNING, f"the last {name} failed: {why}", remedy, name)
            )
    found.append(_dumps(said.get("dumps", []), settings.dump_hours, now))
    letters = sum(one["messages"] for one in said.get("classes", {}).values())
    found.append(_one("quarantine", Level.FINE, f"the database answers and keeps {letters} letters", "", "database", messages=letters))
    return found


def _dumps(dumps: list[Said], limits: Limits, now: float) -> Finding:
    remedy = "systemctl start posthouse-quarantine-dump; journalctl -u posthouse-quarantine-dump -e says why there was none"
    newest = max((datetime.strptime(one["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() for one in dumps), default=0.0)
    # On its first day a machine has none yet.
    age = now - (newest or BORN.stat().st_mtime)
    says = f"the newest dump is {duration(age)} old" if newest else f"there is no dump; the machine is {duration(age)} old"
    return _one("quarantine", limits.above(age / 3600), says, remedy, "dump", hours=round(age / 3600, 1))


def _rates(said: Said, _status: int, _settings: Settings, _now: float) -> list[Finding]:
    counting, directory = said["counting"], said["directory"] or {"state": "none", "fault": None}
    remedy = "rates status says more; each machine counts for itself meanwhile, by the limits of the inventory (docs/rates.md)"
    bad = [
        f"{what}: {one['fault']}"
        for what, one in (("counts are not shared", counting), ("no directory", directory))
        if one["state"] == "away"
    ]
    if bad:
        return [_one("rates", Level.WARNING, f"limits hold less exactly: {'; '.join(bad)}", remedy)]
    return [_one("rates", Level.FINE, f"counts are {counting['state']}, the directory is {directory['state']}", "")]


def _site_state(said: Said, _status: int, settings: Settings, now: float) -> list[Finding]:
    remedy = "systemctl start posthouse-site-state-seal; journalctl -u posthouse-site-state-seal -e says why it failed (docs/site_state.md)"
    if said["state"] == "off":
        remedy = "name the public half of an operator's key as cluster_operator_keys, and run playbooks/site.yml (docs/site_state.md)"
        return [_one("site-state", Level.WARNING, f"{said['reason']}", remedy)]
    found = []
    for name, one in said["sources"].items():
        age = now - (one["newest"] or BORN.stat().st_mtime)
        level = max(settings.dump_hours.above(age / 3600), Level.WARNING if one["fault"] else Level.FINE)
        says = f"{name} was last sealed {duration(age)} ago" if one["newest"] else f"{name} has not been sealed yet"
        says += f"; the last time: {one['fault']}" if one["fault"] else ""
        found.append(_one("site-state", level, says, remedy, name, hours=round(age / 3600, 1)))
    return found


def _other(name: str) -> Reader:
    """Whoever is not known here brings findings of its own, or says state, or ends with a status that is not 0."""

    def reader(said: Said, status: int, _settings: Settings, _now: float) -> list[Finding]:
        if isinstance(said.get("findings"), list):
            return [restored({"check": name, **one}) for one in said["findings"]]
        state = str(said.get("state", "fine" if not status else "not fine"))
        reason = said.get("reason") or said.get("fault") or ""
        level = Level.FINE if not status else Level.CRITICAL
        return [_one(name, level, f"{name} is {state}" + (f": {reason}" if reason else ""), f"{name} status says more")]

    return reader


READERS: dict[str, Reader] = {
    "recipients": _recipients,
    "blocklists": _blocklists,
    "signatures": _signatures,
    "antispam": _antispam,
    "quarantine": _quarantine,
    "rates": _rates,
    "site-state": _site_state,
}
