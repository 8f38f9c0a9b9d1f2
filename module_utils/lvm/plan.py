"""From what is promised and what there is to steps, or to every reason for taking none. Nothing here touches anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .seen import Disk, Part, Seen, SeenGroup, SeenVolume, consent
from .wanted import Device, Group, Volume, Wanted

MEBIBYTE = 1 << 20
_EXTENT = 4 << 20
#: mkfs.xfs(8) makes no smaller ones.
_LEAST = 300 << 20
#: Steps after which a group's real size is known; those of volumes follow when it has been read.
OF_GROUPS = ("owner", "activate", "erase", "create", "extend", "resize")
#: Steps after which something is empty that may have been full elsewhere.
_MAKES = ("erase", "create", "extend", "volume", "format")
#: Where a machine remembers what it made: group or group/volume to its id.
MADE = "/var/lib/posthouse-storage/made.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. kind and words are for act.py, says is for people."""

    kind: str
    says: str
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """Steps in order, or problems."""

    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def first(self) -> list[Step]:
        """Return the steps that are taken before the machine is looked at again."""
        return [step for step in self.steps if step.kind in OF_GROUPS] or self.steps


def decide(wanted: Wanted, seen: Seen) -> Plan:
    """Return what is to be done."""
    plan = Plan()
    sizes: dict[str, tuple[int, int]] = {}
    for group in wanted.groups:
        there = [one for one in seen.groups if one.name == group.name]
        if len(there) > 1:
            owners = " and ".join(one.owner or "nobody" for one in there)
            plan.problems.append(f"there are {len(there)} groups called {group.name}, of {owners}: 'vgrename UUID NEW' for the wrong one")
            continue
        sizes[group.name] = _group(wanted, seen, group, there[0] if there else None, plan)
    blind = [
        one for one in seen.volumes.values() if not one.active and any(one.group == v.group and one.name == v.name for v in wanted.volumes)
    ]
    if blind and not plan.problems:
        # What a volume carries is seen when it is active, and everything is looked at before the first change.
        names = sorted({one.group for one in blind})
        plan.steps = [step for step in plan.steps if step.kind == "owner"]
        plan.steps += [Step("activate", f"group {name}: active", (name,)) for name in names]
        return plan
    for name, (extent, total) in sizes.items():
        _volumes(wanted, seen, name, extent, total, plan)
    for volume in wanted.volumes:
        _mount(seen, volume, plan)
    plan.problems += _made_before(wanted, seen, plan)
    if plan.problems:
        plan.steps = []
    return plan


def _made_before(wanted: Wanted, seen: Seen, plan: Plan) -> Iterator[str]:
    """Give what would begin anew though it has been there: an empty disk behind a known number would be an empty mailbox for everybody."""
    making = [step for step in plan.steps if step.kind in _MAKES]
    if wanted.takes_over and making:
        yield (
            f"a takeover makes nothing, and this one would: {'; '.join(step.says for step in making)}. Are these the disks of "
            f"{' and '.join(wanted.takes_over)}, and does the shelf export what it did?"
        )
    for step in making:
        name = "/".join(step.words[:2]) if step.kind == "volume" else step.words[0]
        if step.kind in ("create", "volume") and name in seen.made:
            what = "volume" if step.kind == "volume" else "group"
            yield (
                f"{what} {name} was made by this machine before ({seen.made[name]}), and is not there: has the shelf another disk in its "
                f"place? When it is gone for good and shall begin anew, empty: 'storage abandon {step.words[0]}' on this machine"
            )


def _group(wanted: Wanted, seen: Seen, group: Group, there: SeenGroup | None, plan: Plan) -> tuple[int, int]:
    """Return the group's extent and its size in extents after the steps."""
    devices = [wanted.devices[name] for name in group.devices]
    if there:
        plan.problems += _group_problems(wanted, seen, there, devices)
        if there.owner != wanted.system_id:
            words = (group.name, there.owner, wanted.system_id)
            plan.steps.append(Step("owner", f"group {group.name}: of {wanted.system_id}, no longer of {there.owner or 'nobody'}", words))
    extent = there.extent if there else _EXTENT
    inside = {part.real: part for part in there.parts} if there else {}
    total, new = 0, []
    for device in devices:
        disk = seen.disks.get(device.name)
        if disk is None:
            plan.problems.append(f"device {device} is not there: is it plugged in, and is its name right? 'ls -l {device.node}'")
            continue
        part = inside.get(disk.real)
        room = max(0, disk.size - (part.head if part else MEBIBYTE)) // extent
        if part is None:
            _claim(seen, device, disk, plan)
            new.append(disk.node)
        elif disk.size < part.head + part.size:
            plan.problems.append(
                f"device {device} has {human(disk.size)}, and its group has {human(part.size)} on it: has the shelf a smaller one in its "
                "place? It has to be as large as it was"
            )
        elif room > part.size // extent:
            plan.steps.append(Step("resize", f"device {device}: grown to {human(disk.size)}", (disk.node,)))
        total += max(room, part.size // extent if part else 0)
    if new:
        verb, says = ("extend", f"group {group.name}: extended by") if there else ("create", f"group {group.name}: made on")
        plan.steps.append(Step(verb, f"{says} {', '.join(new)}", (group.name, *new)))
    # Without one of its devices nobody knows what fits.
    return extent, total if all(device.name in seen.disks for device in devices) else 0


def _group_problems(wanted: Wanted, seen: Seen, there: SeenGroup, devices: list[Device]) -> Iterator[str]:
    if there.owner not in ("", wanted.system_id, *wanted.takes_over):
        yield (
            f"group {there.name} belongs to {there.owner}, and this machine is {wanted.system_id}: nothing of it is touched. "
            "playbooks/failover-mailstore.yml takes it over, when the other machine is kept away for certain"
        )
    if there.exported:
        yield f"group {there.name} is exported: 'vgimport {there.name}', when it is meant to live here"
    if there.missing:
        yield f"group {there.name} misses {there.missing} of its devices: bring them back ('pvs' shows their ids); half a group is not used"
    ours = {disk.real for device in devices if (disk := seen.disks.get(device.name))}
    if ours and (strangers := [part.real for part in there.parts if part.real not in ours]) and not there.missing:
        names = ", ".join(strangers)
        yield (
            f"group {there.name} also lies on {names}, which the inventory does not name for it: add the device there, "
            f"or empty it ('pvmove {strangers[0]}', then 'vgreduce {there.name} {strangers[0]}')"
        )


def _claim(seen: Seen, device: Device, disk: Disk, plan: Plan) -> None:
    """Plan the use of a disk that is not in its group yet; only an empty one, or one with consent."""
    part = next((one for one in seen.parts if one.real == disk.real), None)
    if disk.users:
        plan.problems.append(f"device {device} is in use ({', '.join(disk.users)}): it is not touched, whatever consent there is")
        return
    if disk.content.empty or (part and _unused(part, disk)):
        return
    owner = next((one for one in seen.groups if part and one.name == part.group and part in one.parts), None)
    word = consent(disk, device.aoe, owner)
    if device.erase == word:
        plan.steps.append(Step("erase", f"device {device}: erased, as {word} allows", (disk.node,)))
        return
    carries = f"a part of group {owner.name} of {owner.owner or 'no machine'}" if owner else str(disk.content)
    other = f" The consent {device.erase} is for something else." if device.erase else ""
    plan.problems.append(
        f"device {device} carries something already: {carries}. It is not touched.{other} "
        f'When all of that may be destroyed, write  erase: "{word}"  beside it in storage_devices'
    )


def _unused(part: Part, disk: Disk) -> bool:
    """Whether a disk carries nothing but LVM's label, from a run that ended there: it was never in a group, so there is no data.

    One whose group was removed looks the same to LVM, but its volumes are where they were, and vgcfgrestore(8) would bring them back.
    """
    content = disk.content
    return not part.group and not part.used and {one.kind for one in content.signatures} == {"LVM2_member"} and not content.deep


def _volumes(wanted: Wanted, seen: Seen, name: str, extent: int, total: int, plan: Plan) -> None:
    ours = [volume for volume in wanted.volumes if volume.group == name]
    sizes = {volume.name: _extents(volume, extent, total) for volume in ours}
    group = next((one for one in seen.groups if one.name == name), None)
    present = sum(one.size // extent for one in seen.volumes.values() if one.group == name and one.name in sizes)
    # By what is free: LVM has volumes that it does not list.
    others = (group.size - group.free) // extent - present if group else 0
    taken = others
    for volume in ours:
        there = seen.volumes.get((name, volume.name))
        size = sizes[volume.name]
        now = there.size // extent if there else 0
        taken += max(size, now)
        if there:
            _existing(volume, there, size, extent, plan)
        else:
            if total and size * extent < _LEAST:
                plan.problems.append(f"volume {volume.name}: {human(size * extent)} are too few, XFS takes {human(_LEAST)} or more")
            words = (name, volume.name, str(size * extent))
            plan.steps.append(Step("volume", f"volume {volume.name}: {human(size * extent)} in group {name}", words))
            plan.steps.append(_format(volume))
    if taken > total and total:
        has, asks = human((total - others) * extent), human((taken - others) * extent)
        rest = f" ({human(others * extent)} of it are other volumes, as snapshots: 'lvs {name}')" if others else ""
        plan.problems.append(
            f"group {name} has {has} for its volumes{rest}, and they ask for {asks}: make them smaller, or give it a device"
        )


def _format(volume: Volume) -> Step:
    return Step("format", f"volume {volume.name}: XFS", (volume.group, volume.name, *volume.format))


def _extents(volume: Volume, extent: int, total: int) -> int:
    if volume.percent:
        return int(volume.amount * total / 100)
    return -int(-volume.amount // extent)


def _existing(volume: Volume, there: SeenVolume, size: int, extent: int, plan: Plan) -> None:
    now = there.size // extent
    if size < now and not volume.percent:
        plan.problems.append(
            f"volume {volume.name} has {human(there.size)}, and the inventory says {human(size * extent)}: XFS does not shrink. "
            f"Write {there.size // MEBIBYTE}m, or make a new volume and move what is in it"
        )
    if size > now:
        if there.snapshots:
            names = ", ".join(there.snapshots)
            remedy = "'storage snapshot remove --all' takes those away that 'storage snapshot list' shows, 'lvremove' any other"
            plan.problems.append(f"volume {volume.name} cannot grow while it has snapshots ({names}): {remedy}")
        words = (volume.group, volume.name, str(size * extent))
        plan.steps.append(Step("lengthen", f"volume {volume.name}: grown from {human(there.size)} to {human(size * extent)}", words))
    if there.content is None:  # told when it is active
        return
    kinds = {one.kind for one in there.content.signatures}
    if there.built and there.fresh:
        plan.steps.append(Step("formatted", f"volume {volume.name}: its XFS is whole", (volume.group, volume.name)))
    elif there.fresh:
        plan.steps.append(_format(volume))
    elif kinds != {"xfs"} or not there.built:
        plan.problems.append(
            f"volume {volume.name} carries {there.content}, and no XFS: it is not touched. "
            "What was XFS may be mended by 'xfs_repair'; what is none: 'lvrename' it, or take it away"
        )


def _mount(seen: Seen, volume: Volume, plan: Plan) -> None:
    point = seen.points[volume.path]
    there = seen.volumes.get((volume.group, volume.name))
    if point.source and point.source != volume.node:
        plan.problems.append(f"{volume.path} is a mount of {point.source} already, and not of volume {volume.name}: unmount it first")
        return
    if not point.source:
        if point.hidden:
            some = ", ".join(point.hidden[:3])
            plan.problems.append(
                f"{volume.path} has files of its own ({some}), which volume {volume.name} would hide: move them away, and back afterwards"
            )
        running = sorted(unit for unit, runs in seen.units.items() if runs)
        if running and point.exists and not point.ready:
            plan.problems.append(f"{volume.path} is not mounted, and {', '.join(running)} run: stop them, they write what would be hidden")
        if not point.ready:
            plan.steps.append(Step("point", f"{volume.path}: an empty directory that nobody writes to", (volume.path,)))
        plan.steps.append(Step("mount", f"{volume.path}: mounted", (volume.path,)))
    grown = any(step.kind == "lengthen" and step.words[:2] == (volume.group, volume.name) for step in plan.steps)
    # Less than an extent between volume and file system is what mkfs.xfs leaves when sizes do not fit its groups.
    if grown or (there and there.built and there.size - there.data >= _EXTENT):
        plan.steps.append(Step("grow", f"{volume.path}: its file system grown to the volume", (volume.path,)))


def human(size: int) -> str:
    """Return a size as people read it."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB")):
        if size >= 10 * unit:
            return f"{size / unit:.2f} {name}"
    return f"{size / MEBIBYTE:.0f} MiB"
