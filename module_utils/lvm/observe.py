"""Look at the machine: nothing here changes anything."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import machine
from .plan import MADE
from .seen import FRESH, Content, Disk, Part, Point, Seen, SeenGroup, SeenVolume, Signature
from .wanted import Volume, Wanted

# One command for everything that LVM knows, other machines' groups too.
_REPORT = {
    "vg": "vg_name,vg_uuid,vg_systemid,vg_size,vg_free,vg_extent_size,vg_missing_pv_count,vg_exported",
    "pv": "pv_name,pv_uuid,pv_size,pv_in_use,pe_start,vg_name",
    "lv": "lv_name,lv_size,lv_tags,lv_active,origin",
    "pvseg": "pvseg_start",
    "seg": "seg_start",
}


# What proc_pid_mounts(5) writes in octal: blank, tab, line end, backslash.
_OCTAL = re.compile(r"\\([0-7]{3})")


def observe(wanted: Wanted, identities: Mapping[str, str], units: Sequence[str]) -> Seen:
    """Return what there is. identities: device's name to what it says of itself, where it says anything."""
    seen = Seen(made=machine.remembered(MADE))
    command = ["lvm", "fullreport", "--foreign", "--reportformat=json", "--units=b", "--nosuffix"]
    for kind, fields in _REPORT.items():
        command += [f"--configreport={kind}", f"--options={fields}"]
    raw = report(json.loads(machine.run(command)), seen)
    of_groups = {part.real: part.group for part in seen.parts}
    names = {device: group.name for group in wanted.groups for device in group.devices}
    for device in wanted.devices.values():
        if not Path(device.node).exists():
            continue
        real = os.path.realpath(device.node)
        ours = of_groups.get(real) == names.get(device.name)
        # What is a part of its group already is not looked into: that is LVM's.
        content = Content() if ours and real in of_groups else contents(real)
        identity = identities.get(device.name, device.node)
        seen.disks[device.name] = Disk(device.node, real, machine.size_of(real), identity, content, () if ours else tuple(users(real)))
    mounted = mounts()
    for volume in wanted.volumes:
        seen.points[volume.path] = point(volume, mounted)
        line = raw.get((volume.group, volume.name))
        if line:
            seen.volumes[volume.group, volume.name] = _volume(volume, line, seen.points[volume.path])
    seen.units = {unit: runs(unit) for unit in units} if any(not one.source for one in seen.points.values()) else {}
    return seen


def remember(wanted: Wanted, seen: Seen) -> None:
    """Let the machine know what it has, for the day on which an empty disk stands in its place."""
    ours = {group.name: group.uuid for group in seen.groups if group.name in {one.name for one in wanted.groups}}
    paths = {f"{volume.group}/{volume.name}" for volume in wanted.volumes}
    ours |= dict.fromkeys(seen.points, "mount point")
    ours |= {f"{group}/{name}": ours[group] for group, name in seen.volumes if group in ours and f"{group}/{name}" in paths}
    if seen.made != {**seen.made, **ours}:
        machine.remember(MADE, {**seen.made, **ours})


def report(said: Mapping[str, Any], seen: Seen) -> dict[tuple[str, str], dict[str, Any]]:
    """Read what LVM says into groups, parts and volumes. Returns the lines of volumes, with their snapshots."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for one in said["report"]:
        parts = tuple(_part(pv) for pv in one.get("pv", []))
        seen.parts += parts
        for vg in one.get("vg", []):
            size, free, extent = (int(vg[f"vg_{key}"]) for key in ("size", "free", "extent_size"))
            missing, exported = int(vg["vg_missing_pv_count"]), vg["vg_exported"] != ""
            seen.groups.append(SeenGroup(vg["vg_name"], vg["vg_uuid"], vg["vg_systemid"], size, free, extent, missing, exported, parts))
            for lv in one.get("lv", []):
                lines[vg["vg_name"], lv["lv_name"]] = {**lv, "snapshots": []}
                seen.volumes[vg["vg_name"], lv["lv_name"]] = SeenVolume(vg["vg_name"], lv["lv_name"], int(lv["lv_size"]), active=True)
    for (group, name), lv in lines.items():
        if lv["origin"] and (group, lv["origin"]) in lines:
            lines[group, lv["origin"]]["snapshots"].append(name)
    return lines


def _part(pv: Mapping[str, Any]) -> Part:
    size, head = int(pv["pv_size"]), int(pv["pe_start"])
    return Part(os.path.realpath(pv["pv_name"]), pv["pv_uuid"], pv["vg_name"], size, pv["pv_in_use"] != "", head)


def _volume(volume: Volume, line: Mapping[str, Any], where: Point) -> SeenVolume:
    active = line["lv_active"] == "active" and Path(volume.node).exists()
    content, built, data = None, False, 0
    if active and where.source == volume.node:
        content, built, data = Content((Signature("xfs"),), dirty=True), True, machine.xfs_at(volume.path)
    elif active:
        content = contents(volume.node)
        built, data = machine.xfs_on(volume.node)
    fresh = FRESH in line["lv_tags"].split(",")
    return SeenVolume(volume.group, volume.name, int(line["lv_size"]), active, fresh, tuple(line["snapshots"]), content, built, data)


def contents(node: str) -> Content:
    """Return what is on a block device, by its signatures and the places that are looked at."""
    said = machine.run(["wipefs", "--no-act", "--json", node])
    found = json.loads(said)["signatures"] if said.strip() else []
    signatures = tuple(Signature(one["type"], one["uuid"] or "", one["label"] or "", one["offset"]) for one in found)
    return Content(signatures, *machine.head_of(node))


def users(real: str) -> Iterable[str]:
    """Give those who use a disk: mounts, swap, devices upon it or upon its partitions."""
    folder = Path("/sys/class/block", real.rpartition("/")[2].replace("/", "!"))
    if not folder.exists():
        folder = Path("/sys/class/block", real.removeprefix("/dev/").replace("/", "!"))
    nodes = {real}
    for part in [folder, *folder.glob(f"{folder.name}*")]:
        nodes.add(f"/dev/{part.name.replace('!', '/')}")
        yield from (f"{holder.name} lies on it" for holder in sorted((part / "holders").glob("*")))
    # A mapped device is mounted by its name below /dev/mapper, and known here as /dev/dm-0.
    yield from (f"mounted at {path}" for path, source in sorted(mounts().items()) if os.path.realpath(source) in nodes)
    swaps = Path("/proc/swaps").read_text().splitlines()[1:]
    yield from ("swap" for line in swaps if line.split()[0] in nodes)


def mounts() -> dict[str, str]:
    """Return mount point to what is mounted there, by the node's own name."""
    found = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, path = line.split(" ")[:2]
        found[_OCTAL.sub(lambda letter: chr(int(letter[1], 8)), path)] = source
    return found


def point(volume: Volume, mounted: Mapping[str, str]) -> Point:
    """Look at a mount point."""
    path = volume.path
    if path in mounted:
        source = mounted[path]
        # /dev/mapper/mail-home and /dev/mail/home are two links to one node.
        same = Path(volume.node).exists() and os.path.realpath(source) == os.path.realpath(volume.node)
        return Point(path, exists=True, source=volume.node if same else source, ready=True)
    if not Path(path).exists():
        return Point(path)
    return Point(path, exists=True, hidden=tuple(hidden(Path(path), volume.covers)), ready=machine.immutable(path))


def hidden(path: Path, covers: Iterable[str]) -> list[str]:
    """Return files below a directory that a mount would hide. Empty directories and sockets are none."""
    found = []
    for folder, folders, files in os.walk(path):
        top = Path(folder) == path
        if top:
            folders[:] = [name for name in folders if name not in covers]
        found += [file for name in files if not (top and name in covers) and _is_data(file := Path(folder, name))]
    return sorted(map(str, found))


def _is_data(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def runs(unit: str) -> bool:
    """Whether a unit runs; one that is being stopped still writes."""
    said = machine.run(["systemctl", "show", "--property=ActiveState", "--value", unit])
    return said.strip() not in ("inactive", "failed")
