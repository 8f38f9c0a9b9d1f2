"""Looks at disks, volumes and what the kernel says of them, four times a minute; remembers what comes and goes."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from posthouse import state
from posthouse.journal import NOTICE
from posthouse.notify import notify

from . import asking, kernel, snapshots
from .findings import CRITICAL, FINE, WARNING, finding, known_as, moment, names, worst_first
from .settings import Device, Settings, Volume

_LOG = logging.getLogger(__name__)
FILE = "health.json"
_SYSTEM = Path("/")
_HEADERS = 24 + 12  # Bytes of a packet that are AoE's and ATA's, so no sector's.
_OUTAGES = 50
#: Seconds after which what is not well is worth a line in the log, and between two looks.
_LASTING, _AGAIN = 60.0, 15.0
#: In place of a device's name, which is never empty.
_CABLE = ""
_PATH = (
    "card, cable, switch, {shelf}: is it up, does it let this machine in (systemctl status posthouse-vblade@{aoe} there)? docs/storage.md"
)
_BAD = "people's mail there may be damaged: docs/shelf.md says what to do; storage forget, when it is done"

Ask = Callable[[str, Iterable[str]], set[str]]


def look(
    settings: Settings, ask: Ask = asking.answering, system: Path = _SYSTEM, now: float | None = None, log: int | None = None
) -> dict[str, Any]:
    """Look at everything, remember it in the service's folder, and return it: at (seconds since the epoch), findings, and memory.

    log: the kernel's, where somebody keeps it open.
    """
    now = time.time() if now is None else now
    folder = Path(settings.state)
    with state.alone(folder):
        old = state.read(folder / FILE)
        said: dict[str, Any] = {"at": now, "away": {}, "outages": _recent(old.get("outages"), now), "complaints": {}}
        silent, findings = _devices(settings, ask, system, old, said, now)
        findings += _interface(settings, system, old, said)
        # What lies on a disk that does not answer is not touched: whoever does waits with it.
        findings += [_volume(volume, settings, silent, system) for volume in settings.volumes] if settings.active else []
        findings += _log(settings, system, old, said, log)
        findings += snapshots.findings(settings, now) if _snapshots(settings, system) else []
        said["findings"] = worst_first(findings)
        _changes(said["findings"], old, said)
        state.write(folder / FILE, said)
    return said


def watch(settings: Settings) -> None:
    """Look again and again, until told to stop: most of what a look costs is to start, and to read the kernel's log from its beginning."""
    enough = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: enough.set())
    log = kernel.opened()
    log_changes(look(settings, log=log))
    notify("READY=1")
    while not enough.wait(_AGAIN):
        log_changes(look(settings, log=log))


def log_changes(said: dict[str, Any]) -> None:
    """Write to the log what has become worse, if it still is a minute later, and when it is well again."""
    for words in said["log_worse"]:
        _LOG.warning("%s", words)
    for words in said["log_better"]:
        _LOG.log(NOTICE, "again: %s", words)


def _changes(findings: list[dict[str, Any]], old: dict[str, Any], said: dict[str, Any]) -> None:
    """Decide what is worth a line: what was well once and has not been for a minute. A machine that boots or is new is silent."""
    well, logged = set(old.get("well", [])), set(old.get("logged", []))
    bad = old.get("bad", {}) if old.get("log") == said["log"] else {}
    said.update(bad={}, log_worse=[], log_better=[])
    for one in findings:
        about = one["about"]
        if one["level"] == FINE:
            well.add(about)
            if about in logged:
                said["log_better"].append(one["says"])
                logged.discard(about)
            continue
        since = said["bad"][about] = bad.get(about, said["at"])
        # What has no other state than to be there (a snapshot that is lost, a complaint) was never well, and is told at once.
        new = about.startswith(("errors ", "snapshot ")) or (about in well and said["at"] - since >= _LASTING)
        if new and about not in logged:
            said["log_worse"].append(one["says"])
            logged.add(about)
    abouts = {one["about"] for one in findings}
    # What is not spoken of for a moment (a disk that is away hides what lies on it) keeps its past.
    said.update(well=sorted(well), logged=sorted(logged & abouts))


def forget(settings: Settings) -> None:
    """Speak no longer of what the kernel has complained of, and of outages that are over."""
    folder = Path(settings.state)
    with state.alone(folder):
        state.write(folder / FILE, {**state.read(folder / FILE), "complaints": {}, "outages": []})


def _recent(outages: Any, now: float) -> list[Any]:
    return [one for one in outages or [] if now - one["until"] < 3600][-_OUTAGES:]


def _devices(
    settings: Settings, ask: Ask, system: Path, old: dict[str, Any], said: dict[str, Any], now: float
) -> tuple[set[str], list[dict[str, Any]]]:
    """Return the names of devices that do not answer, and findings of each."""
    aoe = [device for device in settings.devices if device.aoe]
    try:
        answering, fault = ask(settings.interface, [device.aoe for device in aoe]) if aoe else set(), ""
    except OSError as error:
        answering, fault = set(), f" ({settings.interface}: {error.strerror})"
    silent: set[str] = set()
    said["known"] = old.get("known", [])
    findings = []
    for device in settings.devices:
        up = device.aoe in answering if device.aoe else kernel.block(device, system) is not None
        since = old.get("away", {}).get(device.name)
        if not up:
            silent.add(device.name)
            since = said["away"][device.name] = since or now
            says = f"{known_as(device)} does not answer, since {moment(since)}{fault}: what reads or writes there waits, and mail with it"
            remedy = _PATH.format(shelf=device.shelf or "the shelf", aoe=device.aoe) if device.aoe else "is the disk in? dmesg says more"
            findings.append(finding(device.name, CRITICAL, says, remedy))
            continue
        # One that never answered before is new, and was not away.
        if since and device.name in old.get("known", []):
            said["outages"].append({"device": device.name, "since": since, "until": now, "times": 1})
        said["known"] = sorted({*said["known"], device.name})
        findings.append(_answers(device, settings, system, [one for one in said["outages"] if one["device"] == device.name]))
    return silent, findings


def _answers(device: Device, settings: Settings, system: Path, outages: list[Any]) -> dict[str, Any]:
    here = kernel.block(device, system)
    if here is None:
        says = f"{known_as(device)} answers, but the kernel does not have it as a disk"
        return finding(device.name, CRITICAL, says, "storage activate; journalctl -u posthouse-storage -e says why it was not done")
    payload, most = _number(here / "payload"), (settings.mtu - _HEADERS) // 512 * 512
    if device.aoe and payload is not None and 0 < payload < most:
        says = f"{known_as(device)} is used by frames of {payload} bytes, where {most} would fit: something on the way carries less"
        return finding(device.name, WARNING, says, f"look for the port or card without packets of {settings.mtu}; docs/storage.md says how")
    if outages:
        says = f"{known_as(device)} was away {_times(outages)} in the last hour, "
        says += f"the last time from {moment(outages[-1]['since'])} to {moment(outages[-1]['until'])}"
        return finding(device.name, WARNING, says, "a cable, a switch or the shelf; storage forget, when it is mended")
    size = (_number(here / "size") or 0) * 512
    return finding(device.name, FINE, f"{known_as(device)} answers", size=size)


def _interface(settings: Settings, system: Path, old: dict[str, Any], said: dict[str, Any]) -> list[dict[str, Any]]:
    if not settings.interface:
        return []
    here = system / "sys/class/net" / settings.interface
    mtu, downs = _number(here / "mtu"), _number(here / "carrier_down_count")
    remedy = "networkctl status; journalctl -u systemd-networkd -e says more"
    if mtu is None:
        return [finding("interface", CRITICAL, f"there is no interface {settings.interface}, so no disk can be reached", remedy)]
    said["downs"], said["boot"] = downs, kernel.boot(system)
    lost = (downs or 0) - (old.get("downs") or 0) if old.get("boot") == said["boot"] else 0
    if lost > 0:
        said["outages"].append({"device": _CABLE, "since": said["at"], "until": said["at"], "times": lost})
    if not _number(here / "carrier"):
        return [finding("interface", CRITICAL, f"{settings.interface} has no cable, so no disk can be reached", remedy)]
    if mtu != settings.mtu:
        return [finding("interface", WARNING, f"{settings.interface} carries packets of {mtu} bytes, not {settings.mtu}", remedy)]
    if outages := [one for one in said["outages"] if one["device"] == _CABLE]:
        says = f"the cable of {settings.interface} was away {_times(outages)} in the last hour"
        return [finding("interface", WARNING, says, "look at cable and switch; storage forget, when it is mended")]
    return [finding("interface", FINE, f"{settings.interface} carries packets of {mtu} bytes")]


def _snapshots(settings: Settings, system: Path) -> bool:
    """Say whether there is anything to ask the kernel's tables for: most of the time there is not."""
    names = (kernel.name(file.name, system) for file in (system / "sys/class/block").glob("dm-*"))
    return any(snapshots.MARK in name for name in names) or bool(snapshots.begun(settings))


def _times(outages: list[Any]) -> str:
    times = sum(one.get("times", 1) for one in outages)
    return f"{times} times" if times > 1 else "once"


def _volume(volume: Volume, settings: Settings, silent: set[str], system: Path) -> dict[str, Any]:
    what = f"{volume.name} ({volume.path})"
    group = next((one for one in settings.groups if one.name == volume.group), None)
    devices = [device for device in settings.devices if group and device.name in group.devices]
    if away := [device for device in devices if device.name in silent]:
        return finding(volume.name, CRITICAL, f"{what} lies on {names(away)}, which does not answer", "see there")
    what = f"{what}, on {names(devices)},"
    here = kernel.mapped(volume, system)
    if here is None:
        remedy = "journalctl -u posthouse-storage -e says why; systemctl start multi-user.target tries again, with mounts and services"
        return finding(volume.name, CRITICAL, f"{what} is not active", remedy)
    if _number(here / "dm/suspended"):
        says = f"{what} stands still: somebody has suspended it and not let it go on"
        return finding(volume.name, CRITICAL, says, f"dmsetup resume {(here / 'dm/name').read_text().strip()}")
    options = _mounted(volume.path, (here / "dev").read_text().strip(), system)
    if options is None:
        return finding(volume.name, CRITICAL, f"{what} is not mounted", f"systemctl start {volume.path}; findmnt {volume.path}")
    try:
        next(Path(volume.path).iterdir(), None)
        room = os.statvfs(volume.path)
    except OSError as fault:
        says = f"{what} cannot be read: {fault.strerror}; its file system has stopped to protect itself"
        return finding(volume.name, CRITICAL, says, "journalctl -k says why; docs/storage.md: when a file system has stopped")
    if "ro" in options:
        return finding(volume.name, CRITICAL, f"{what} is mounted for reading only", "journalctl -k says why")
    full = max(_percent(room.f_blocks, room.f_bavail), _percent(room.f_files, room.f_favail))
    level = CRITICAL if full >= settings.full_percent[1] else WARNING if full >= settings.full_percent[0] else FINE
    says = f"{what} is {full} % full"
    return finding(volume.name, level, says, "a larger LUN or a second one in the inventory, then playbooks/site.yml", percent=full)


def _percent(all_of_it: int, free: int) -> int:
    return round(100 - free * 100 / all_of_it) if all_of_it else 0


def _mounted(path: str, number: str, system: Path) -> list[str] | None:
    """Return the options of the file system that is mounted at a path from this disk; None when it is not.

    Those of the mount itself say nothing here: the service's own sandbox sees every mount for reading only.
    """
    for line in (system / "proc/self/mountinfo").read_text().splitlines():
        words, _, rest = line.partition(" - ")
        fields = words.split()
        # Blanks and the like are in octal (proc_pid_mountinfo(5)).
        where = re.sub(r"\\([0-7]{3})", lambda letter: chr(int(letter[1], 8)), fields[4])
        if fields[2] == number and where == os.path.normpath(path):
            return rest.split()[2].split(",")
    return None


def _log(settings: Settings, system: Path, old: dict[str, Any], said: dict[str, Any], log: int | None) -> list[dict[str, Any]]:
    """Gather what the kernel complains of, by disk, and speak of it as long as the settings say."""
    boot, now = kernel.boot(system), said["at"]
    handle = kernel.opened() if log is None else log
    try:
        lines, said["record"] = kernel.complaints(old.get("record", -1) if old.get("log") == boot else -1, handle)
    finally:
        if log is None:
            os.close(handle)
    said["log"] = boot
    hours = settings.complaint_hours * 3600
    known: dict[str, Any] = {disk: one for disk, one in old.get("complaints", {}).items() if now - one["last"] < hours}
    for line in lines:
        # A snapshot that ran full makes the same noise as a disk; it is spoken of as such, and its volume is well.
        if snapshots.MARK in kernel.name(line.disk, system) or not (devices := kernel.lies_on(line.disk, settings, system)):
            continue
        one = known.setdefault(line.disk, {"count": 0, "first": line.moment, "sectors": [], "devices": [], "file_system": ""})
        one["count"], one["last"], one["text"] = one["count"] + 1, line.moment, line.text[:200]
        one["devices"] = [device.name for device in devices]
        if line.sector >= 0 and line.sector not in one["sectors"]:
            one["sectors"] = [*one["sectors"], line.sector][-20:]
    said["complaints"] = known
    return [_complaint(disk, one, settings) for disk, one in known.items()]


def _complaint(disk: str, one: dict[str, Any], settings: Settings) -> dict[str, Any]:
    devices = [device for device in settings.devices if device.name in one["devices"]]
    where = f", sectors {', '.join(map(str, one['sectors'][-3:]))}" if one["sectors"] else ""
    says = f"the kernel complains of {names(devices) or disk}: {one['count']} times, last {moment(one['last'])}{where}: {one['text']}"
    return finding(f"errors {disk}", CRITICAL, says, _BAD, count=one["count"])


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
