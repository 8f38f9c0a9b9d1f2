"""Fetch files for rbldnsd. What is served is only replaced by what rbldnsd itself can read, and what has not lost too much."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import syslog
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse import state

from .settings import Mirror, Settings
from .watch import Tell, tell

STATUS = "fetched.json"
INCOMING = "incoming"
RBLDNSD = "/usr/sbin/rbldnsd"
_ENTRY = re.compile(rb"\tA\t")
_BAD = re.compile(rb"file \S+\(\d+\): |(\d+) more warnings suppressed")
#: So many lines that rbldnsd cannot read are passed over, or one in a hundred.
_BAD_LINES = 10
#: rbldnsd wants an address to listen on even when it only prints; it never listens there.
_NOWHERE = "127.0.0.1/5399"
_LONGEST = 1800


class FetchError(RuntimeError):
    """A file was not fetched, or is not believed; the message says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """What rbldnsd made of a file."""

    entries: int
    bad: int


class Fetcher:
    """Fetches mirrors, one after the other."""

    def __init__(self, settings: Settings, passwords: Mapping[str, str], telling: Tell = tell, dry: bool = False) -> None:
        """dry: fetch and judge, replace nothing."""
        self.settings, self.passwords, self.telling, self.dry = settings, passwords, telling, dry
        self.folder = Path(settings.state)
        self.file = self.folder / STATUS
        self.incoming = self.folder / INCOMING

    def status(self) -> list[dict[str, Any]]:
        """What is remembered of every configured mirror."""
        remembered = state.read(self.file)
        return [self._remembered(remembered, mirror) for mirror in self.settings.mirrors]

    def fetch(self, zones: list[str], accept_loss: bool = False) -> list[dict[str, Any]]:
        """Fetch all mirrors, or those of some zones, and return how each is now."""
        self.incoming.mkdir(mode=0o755, exist_ok=True)
        # Not the lock of the watch: a large feed takes its time, and lists are judged meanwhile.
        with state.alone(self.incoming):
            remembered = state.read(self.file)
            told = []
            for mirror in self.settings.mirrors:
                before = self._remembered(remembered, mirror)
                told.append(self._one(mirror, before, accept_loss) if not zones or mirror.zone in zones else before)
            if not self.dry:
                state.write(self.file, {entry["file"]: entry for entry in told})
        return told

    def _remembered(self, remembered: dict[str, Any], mirror: Mirror) -> dict[str, Any]:
        new = {
            "zone": mirror.zone,
            "file": mirror.file,
            "state": "never fetched",
            "entries": 0,
            "fetched": 0.0,
            "changed": 0.0,
            "fault": "",
        }
        return new | (remembered.get(mirror.file) or {})

    def _one(self, mirror: Mirror, before: dict[str, Any], accept_loss: bool) -> dict[str, Any]:
        now = time.time()
        try:
            incoming = self._download(mirror)
            if _same(incoming, Path(mirror.file)):
                after = before | {"state": "current", "fetched": now, "fault": ""}
            else:
                found = self._believed(mirror, incoming, int(before["entries"]), accept_loss)
                if not self.dry:
                    _install(incoming, Path(mirror.file))
                after = before | {"state": "current", "entries": found.entries, "fetched": now, "changed": now, "fault": ""}
        except (FetchError, OSError) as fault:
            after = before | {"state": "stale" if before["fetched"] else "never fetched", "fault": str(fault)}
        if not self.dry:
            self._tell(mirror, before, after)
        return after

    def _tell(self, mirror: Mirror, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Say once that something is wrong, and once that it is right again."""
        if after["fault"] and not before["fault"]:
            serves = "the last good copy serves" if after["fetched"] else "there is no copy yet"
            self.telling(syslog.LOG_WARNING, f"{mirror.zone} is not fetched: {after['fault']}; {serves}")
        elif before["fault"] and not after["fault"]:
            self.telling(syslog.LOG_NOTICE, f"{mirror.zone} is fetched again")

    def _download(self, mirror: Mirror) -> Path:
        file = self.incoming / Path(mirror.file).name
        command = ["rsync", "--times", "--copy-links", "--chmod=F644", "--timeout=60"]
        secret = self.passwords.get(mirror.zone, "")
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        with tempfile.TemporaryDirectory(prefix="blocklists-") as private:
            if mirror.source.startswith("rsync://") or "::" in mirror.source:
                command.append("--contimeout=20")
                environment["RSYNC_PASSWORD"] = secret
            elif secret:
                command.append(f"--rsh={_ssh(Path(private), secret, self.folder)}")
            try:
                done = subprocess.run(
                    [*command, "--", mirror.source, str(file)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=_LONGEST,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise FetchError(f"rsync was not done after {_LONGEST} s") from None
        if done.returncode:
            said = (done.stderr.strip() or "nothing said").splitlines()[0]
            raise FetchError(f"rsync: {said} (status {done.returncode})")
        return file

    def _believed(self, mirror: Mirror, file: Path, entries: int, accept_loss: bool) -> Read:
        found = read_by_rbldnsd(mirror, file)
        if not found.entries:
            raise FetchError("the file that came holds no entry")
        if found.bad > max(_BAD_LINES, found.entries // 100):
            raise FetchError(f"rbldnsd cannot read {found.bad} lines of the file that came")
        lost = 100 * (entries - found.entries) / entries if entries else 0
        if lost > self.settings.loss_percent and not accept_loss:
            raise FetchError(
                f"the file that came has {found.entries} entries instead of {entries}; to believe it: blocklists fetch --accept-loss"
            )
        return found


def _ssh(private: Path, key: str, folder: Path) -> str:
    """Write a key where only this run finds it, and return how rsync calls ssh. A host that is new is believed once, and then for ever."""
    file = private / "key"
    file.touch(mode=0o600)
    file.write_text(key.rstrip("\n") + "\n", encoding="utf-8")
    options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new", "ConnectTimeout=20"]
    known = f"UserKnownHostsFile={folder / 'known_hosts'}"
    return " ".join(["ssh", "-F", "none", "-i", str(file), *(f"-o {option}" for option in [*options, known])])


def read_by_rbldnsd(mirror: Mirror, file: Path) -> Read:
    """Have rbldnsd print a file as a zone and count. Raises FetchError when it cannot."""
    command = [RBLDNSD, "-n", "-d", "-b", _NOWHERE, f"{mirror.zone}:{mirror.type}:{file}"]
    entries = bad = 0
    last = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            complaint = _BAD.search(line) if line.startswith(b"rbldnsd: ") else None
            if complaint:
                bad += int(complaint[1] or 1)
            elif _ENTRY.search(line):
                entries += 1
            last = line if line.startswith(b"rbldnsd: ") else last
        if process.wait():
            raise FetchError(f"rbldnsd: {last.decode(errors='replace').removeprefix('rbldnsd: ').strip() or process.returncode}")
    return Read(entries, bad)


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same, by size first."""
    if not other.exists() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            block = left.read(1 << 20)
            if block != right.read(1 << 20):
                return False
            if not block:
                return True


def _install(file: Path, target: Path) -> None:
    """Put a copy in the place of what is served, in one step: rbldnsd(8) warns of files that are written while it reads them."""
    new = target.with_name(f".{target.name}.new")
    shutil.copyfile(file, new)
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    new.chmod(0o644)
    new.replace(target)
