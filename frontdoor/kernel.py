"""Settings of the host's kernel that the lab needs, put back when it goes."""

import json
from pathlib import Path

from frontdoor import paths

_RECORD = paths.RUN / "kernel.json"

# Every systemd takes a few inotify instances, and the kernel counts all containers of root as one user. At the default
# of 128 machines say "Failed to allocate directory watch: Too many open files" and units fail (inotify(7)).
LEAST = {"fs/inotify/max_user_instances": 4096, "fs/inotify/max_user_watches": 262144}


def _file(name: str) -> Path:
    return Path("/proc/sys") / name


def _recorded() -> dict[str, str]:
    found: dict[str, str] = json.loads(_RECORD.read_text()) if _RECORD.exists() else {}
    return found


def prepare() -> None:
    """Record what is about to change, then raise what is too low."""
    record = _recorded()
    for name in LEAST:
        record.setdefault(name, _file(name).read_text().strip())
    _RECORD.write_text(json.dumps(record))
    for name, least in LEAST.items():
        if int(_file(name).read_text()) < least:
            _file(name).write_text(f"{least}\n")


def restore() -> None:
    """Put every recorded setting back."""
    for name, value in _recorded().items():
        if _file(name).read_text().strip() != value:
            _file(name).write_text(f"{value}\n")
    _RECORD.unlink(missing_ok=True)
