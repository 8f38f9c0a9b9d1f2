"""Filters that plan how a mailstore moves to another machine, and judge whether its old one is out (docs/failover.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Values = Mapping[str, Mapping[str, Any]]

_SITE_VALUES = Path(__file__).resolve().parents[1] / "playbooks" / "site_values.yml"
#: What a standby becomes; roles of other nouns would be missing there.
_NOUNS_THAT_MOVE = {"mailstore", "storage"}
#: Letters that a mailstore has acknowledged and not delivered.
_QUEUE = "/var/spool/postfix"


def failover_plan(mailstore: str, to: str, hostvars: Values, groups: Mapping[str, Sequence[str]], by: str = "") -> dict[str, Any]:
    """Work out how a mailstore comes to run on another machine.

    mailstore: the name that moves. to: a standby, or the mailstore itself, which is back to its own machine. hostvars, groups: Ansible's.
    by: who runs it now, where the inventory does not know.
    Returns faults (sentences, none when it can be done), mailstore, to, by (machine that runs it now, else as the inventory says), moves
    (whether these differ), to_address, by_address, card (the only hardware address that may reach its disks then), luns (address, host and
    machines), shelves (hosts that export them), volume_groups, aoe (addresses of its AoE devices), others (system ids whose groups it may
    take: of machines that are kept out then), old_addresses (where nobody answers as the mailstore then), fence (shelf or command),
    commands (a list of words for each machine that has to be switched off) and stand_in (what the inventory has to say then; empty for its
    own machine).
    """
    mailstores, standbys = list(groups.get("mailstore", ())), list(groups.get("standby", ()))
    faults = _names(mailstore, to, mailstores, standbys, hostvars)
    elsewhere = {str(hostvars[name].get("stand_in") or ""): name for name in mailstores if name != mailstore}
    if by not in ("", mailstore, *standbys):
        faults.append(f"{by} cannot run {mailstore}; say -e by= one of {', '.join((mailstore, *standbys))}")
    elif by and by in elsewhere:
        faults.append(f"{by} runs {elsewhere[by]} now, as the inventory says, and not {mailstore}: say -e by= which machine does")
    if faults:
        return {"faults": faults}
    values = hostvars[mailstore]
    by = by or str(values.get("stand_in") or mailstore)
    devices = list(values.get("storage_devices") or [])
    luns, strangers = _luns(mailstore, devices, groups.get("shelf", ()), hostvars)
    command = [str(word) for word in values.get("storage_fence_command") or []]
    card = str(hostvars[to].get("storage_hardware_address") or "").lower()

    faults += _nouns(mailstore, groups)
    if not devices:
        faults.append(f"{mailstore} has no storage_devices: what it keeps lies on its own disk, and no other machine can have it")
    elif not values.get("failover_leaves_queue") and not _on_volumes(_QUEUE, values.get("storage_volumes") or []):
        faults.append(
            f"{_QUEUE} of {mailstore} lies on its machine's own disk: what it acknowledged and has not delivered would stay. Give it a"
            " volume while all is well (docs/storage.md); when its machine is dead: -e failover_leaves_queue=true"
        )
    if luns and not card:
        faults.append(f"{to} has no storage_hardware_address, so no shelf would let it in: say it in the inventory")
    faults += [
        f"LUN {lun['address']} of {lun['host']} is not for {mailstore} alone, but for {', '.join(lun['machines']) or 'nobody'}:"
        f" say machines: [{mailstore}] there"
        for lun in luns
        if lun["machines"] != [mailstore]
    ]
    faults += [
        f"LUN {address} is exported by {' and by '.join(hosts)}, and who is kept out of the one has the other: give one another number"
        for address in dict.fromkeys(lun["address"] for lun in luns)
        if len(hosts := [lun["host"] for lun in luns if lun["address"] == address]) > 1
    ]
    if strangers and not command:
        faults.append(
            f"nothing keeps the old machine from {', '.join(strangers)}, since no shelf of the inventory exports it: say in"
            " storage_fence_command how a machine is switched off"
        )
    off = [name for name in dict.fromkeys((mailstore, by)) if name != to]
    # A shelf keeps out everybody else. A command keeps out whom it switched off: the wrong one, where the inventory is older than the last
    # failover. Then nothing but the group's system id speaks for who writes.
    others = off if strangers else [name for name in (mailstore, *standbys) if name != to]
    return {
        "faults": faults,
        "mailstore": mailstore,
        "to": to,
        "by": by,
        "moves": by != to,
        "to_address": str(hostvars[to]["address"]),
        "by_address": str(hostvars[by]["address"]),
        "card": card,
        "luns": luns,
        "shelves": list(dict.fromkeys(lun["host"] for lun in luns)),
        "volume_groups": [str(group["name"]) for group in values.get("storage_groups") or []],
        "aoe": [str(device["aoe"]) for device in devices if device.get("aoe")],
        "others": others,
        "old_addresses": _old_addresses(others, mailstore, mailstores, hostvars),
        "fence": "command" if strangers else "shelf",
        "commands": [{"machine": name, "words": [word.replace("{machine}", name) for word in command]} for name in off]
        if strangers
        else [],
        "stand_in": "" if to == mailstore else to,
    }


def _names(mailstore: str, to: str, mailstores: list[str], standbys: list[str], hostvars: Values) -> list[str]:
    if mailstore not in mailstores:
        return [f"{mailstore or 'nothing'} is no mailstore; say -e mailstore= one of {', '.join(mailstores)}"]
    if to != mailstore and to not in standbys:
        known = [*standbys, f"{mailstore} for its own machine"]
        return [f"{to or 'nothing'} is no standby; say -e to= one of {', '.join(known)}"]
    for name in mailstores:
        if name != mailstore and hostvars[name].get("stand_in") == to:
            return [f"{to} runs {name} now, and can be only one of them: take another standby, or bring {name} home first"]
    return []


def _old_addresses(others: Iterable[str], mailstore: str, mailstores: Iterable[str], hostvars: Values) -> list[str]:
    """The same whether a run is the first or repeats one. Machines that run another mailstore keep their sessions."""
    busy = {hostvars[name].get("stand_in") for name in mailstores if name != mailstore}
    silent = [hostvars[name] for name in others if name not in busy]
    return [str(values[name]) for values in silent for name in ("address", "address6") if values.get(name)]


def _nouns(mailstore: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """A standby is made a mailstore and nothing else."""
    nouns = set(yaml.safe_load(_SITE_VALUES.read_text(encoding="utf-8"))["groups"]) - _NOUNS_THAT_MOVE
    here = sorted(noun for noun in nouns if mailstore in groups.get(noun, ()))
    return [f"{mailstore} is of {', '.join(here)} too, which a standby does not become: give these a machine of their own"] if here else []


def _on_volumes(path: str, volumes: Iterable[Mapping[str, Any]]) -> bool:
    return any(f"{path}/".startswith(f"{str(volume.get('path') or '').rstrip('/')}/") for volume in volumes)


def _luns(
    mailstore: str, devices: Iterable[Mapping[str, Any]], shelves: Iterable[str], hostvars: Values
) -> tuple[list[dict[str, Any]], list[str]]:
    """Find everybody who exports each device; and name those that nobody of ours does."""
    exported = [
        {"address": f"{lun['shelf']}.{lun['slot']}", "host": host, "machines": [str(name) for name in lun.get("machines") or []]}
        for host in shelves
        for lun in hostvars[host].get("shelf_luns") or []
    ]
    luns, strangers = [], []
    for device in devices:
        address = str(device.get("aoe") or "")
        if found := [lun for lun in exported if lun["address"] == address]:
            luns += found
        else:
            strangers.append(str(device.get("name") or address or mailstore))
    return luns, strangers


def failover_open(plan: Mapping[str, Any], exports: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """Say by which doors anybody but the new machine could still reach the disks of a mailstore; none when it is the only one.

    plan: as failover_plan makes it. exports: host -> its running exports, as shelf_exports_info returns them.
    """
    found = []
    for lun in plan["luns"]:
        running = [one for one in exports.get(lun["host"], ()) if one["address"] == lun["address"]]
        if not running:
            found.append(f"LUN {lun['address']} is not exported by {lun['host']}: systemctl status posthouse-vblade@{lun['address']} there")
        elif len(running) > 1:
            found.append(f"LUN {lun['address']} is exported by {len(running)} processes of {lun['host']}: end those that are no unit's")
        for one in running:
            cards = [str(card).lower() for card in one["cards"]]
            if cards != [plan["card"]]:
                found.append(
                    f"LUN {lun['address']} of {lun['host']} lets in {', '.join(cards) or 'everybody'}, not {plan['card']} alone"
                    f" (process {one['process']})"
                )
    return found


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"failover_open": failover_open, "failover_plan": failover_plan}
