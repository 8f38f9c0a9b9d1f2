"""What status says: what health saw last, how old that is, and what scrubs found. It touches no disk and needs no rights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from posthouse import state

from . import health, scrub
from .findings import CRITICAL, FINE, finding, worst_first
from .settings import Settings

#: Seconds; health looks four times a minute.
_OLD = 180.0
_UNITS = Path("/etc/posthouse/storage.toml")


def report(settings: Settings, now: float | None = None) -> dict[str, Any]:
    """Return state and findings."""
    now = time.time() if now is None else now
    if not settings.active:
        return {
            "state": "standby",
            "findings": [finding("storage", FINE, f"{settings.machine} stands by; its disks are another machine's")],
        }
    seen = state.read(Path(settings.state, health.FILE))
    age = now - seen.get("at", 0.0)
    if age > _OLD:
        says = f"disks were last looked at {round(age / 60)} minutes ago" if seen else "disks have not been looked at"
        remedy = "systemctl restart posthouse-storage-health; journalctl -u posthouse-storage-health -e"
        found = [finding("health", CRITICAL, says, remedy)]
    else:
        found = list(seen["findings"])
    found += scrub.findings(settings, now, _since())
    found = worst_first(found)
    return {"state": found[0]["level"] if found else FINE, "findings": found}


def _since() -> float:
    """Return when this machine was given its configuration, as far as that can be known."""
    try:
        return _UNITS.stat().st_mtime
    except OSError:
        return 0.0
