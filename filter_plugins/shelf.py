"""Filters for machines that export disks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_PATH = re.compile(r"/[A-Za-z0-9/._:@+-]+")
_CARD = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
#: vblade keeps so many addresses and does not count them (aoe.c, Nmasks).
_MOST_CARDS = 32
#: No frame comes from this address, so a LUN that only it may use is nobody's. Without an address, vblade lets everybody in.
_NOBODY = "00:00:00:00:00:00"
_KEYS = {"shelf", "slot", "path", "size", "machines", "read_only", "synced"}


def shelf_exported(luns: Iterable[Mapping[str, Any]], machines: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say of each LUN what is to be exported to which hardware addresses.

    luns: as the option shelf_luns. machines: name of a machine to its hardware addresses. Returns the LUNs with every key, and address
    ("1.0"), cards (lower case, sorted) and service: {name}. Raises ValueError with a sentence for what cannot be exported.
    """
    found = [_exported(lun, machines) for lun in luns]
    for key, what in (("address", "address"), ("path", "path")):
        seen: set[str] = set()
        for one in found:
            if one[key] in seen:
                raise ValueError(f"two LUNs of this shelf have the {what} {one[key]}; what one machine writes another must not overwrite")
            seen.add(one[key])
    return found


def _exported(lun: Mapping[str, Any], machines: Mapping[str, Any]) -> dict[str, Any]:
    address = f"{lun['shelf']}.{lun['slot']}"
    if unknown := sorted(set(lun) - _KEYS):
        raise ValueError(f"LUN {address}: {unknown[0]} is no option; there are {', '.join(sorted(_KEYS))}")
    # The last number of each is everybody's address (AoE, revision 11, 2.1).
    if not (0 <= lun["shelf"] < 65535 and 0 <= lun["slot"] < 255):
        raise ValueError(f"LUN {address}: there is no such address; a shelf is 0 to 65534, a slot 0 to 254")
    path = str(lun["path"])
    if not _PATH.fullmatch(path) or "/../" in f"{path}/":
        raise ValueError(f"LUN {address}: the path {path!r} has to be absolute, of letters, digits and / . _ : @ + -")
    names = list(lun.get("machines") or [])
    if lost := [name for name in names if not machines.get(name)]:
        raise ValueError(f"LUN {address} is for {lost[0]}, of which no storage_hardware_address is known")
    cards = sorted({str(card).lower() for name in names for card in machines[name]})
    if odd := [card for card in cards if not _CARD.fullmatch(card)]:
        raise ValueError(f"LUN {address}: {odd[0]!r} is no hardware address, such as 02:00:00:00:01:18")
    if len(cards) > _MOST_CARDS:
        raise ValueError(f"LUN {address} is for {len(cards)} cards; vblade can tell {_MOST_CARDS} apart")
    return {
        "shelf": lun["shelf"],
        "slot": lun["slot"],
        "address": address,
        "path": path,
        "size": str(lun.get("size") or ""),
        "machines": names,
        "cards": cards,
        "read_only": bool(lun.get("read_only", False)),
        "synced": bool(lun.get("synced", True)),
        "service": {"name": f"posthouse-vblade@{address}.service"},
    }


def shelf_handed_over(
    exports: Iterable[Mapping[str, Any]],
    running: Iterable[Mapping[str, Any]],
    names: Mapping[str, Iterable[str]],
    meant: Iterable[str] = (),
) -> list[str]:
    """Say of each LUN that an inventory takes from one machine and gives to another who has it: an old inventory does, after a failover.

    exports: as shelf_exported gives them. running: as the module shelf_exports_info does. names: name of a machine to its hardware
    addresses. meant: addresses of LUNs that are to change hands.
    """
    owners = {str(card).lower(): name for name, cards in names.items() for card in cards}
    found = []
    for lun in exports:
        before = {card for one in running if one["address"] == lun["address"] for card in one["cards"]} - {_NOBODY}
        after = set(lun["cards"])
        if lun["address"] not in meant and before - after and after - before:
            has = ", ".join(sorted(owners.get(card, card) for card in before - after))
            gets = f"{', '.join(lun['machines'])} ({', '.join(lun['cards'])})"
            found.append(f"{has} has LUN {lun['address']}, and this inventory gives it to {gets}")
    return found


def shelf_units(exports: Iterable[Mapping[str, Any]], interface: str, outstanding: int, user: str) -> dict[str, str]:
    """Return the units that export LUNs, as files: path to content. What all have in common is a drop-in of their template.

    exports: as shelf_exported gives them. user: who they run as.
    """
    return {f"/etc/systemd/system/{one['service']['name']}": _unit(one, interface, outstanding, user) for one in exports}


def _unit(lun: Mapping[str, Any], interface: str, outstanding: int, user: str) -> str:
    path, device = lun["path"], lun["path"].startswith("/dev/")
    flags = [f"-b {outstanding}", *(["-s"] if lun["synced"] else []), *(["-r"] if lun["read_only"] else [])]
    flags.append(f"-m {','.join(lun['cards'] or [_NOBODY])}")
    lines = [
        "# Posthouse: role shelf. Changes here are undone by the next run.",
        "[Unit]",
        f"Description=LUN {lun['address']}, for {', '.join(lun['machines']) or 'nobody'}",
        # It is read once, at the start.
        f"# Size: {lun['size'] or 'as it is'}",
        *([] if device else [f"RequiresMountsFor={path}"]),
        "",
        "[Service]",
        # udev gives a disk to root again whenever it looks at it; who has it open keeps it.
        *([f"ExecStartPre=+/usr/bin/chown {user} {path}", f"DeviceAllow={path} rw"] if device else [f"ReadWritePaths={path}"]),
        f"ExecStart=/usr/sbin/vblade {' '.join(flags)} {lun['shelf']} {lun['slot']} {interface} {path}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def shelf_machines(names: Iterable[str], values: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Say by which cards the machines that may use LUNs are known: of whom somebody stands in for, that one's card and no other.

    names: of machines. values: hostvars. Returns name to hardware addresses; machines without one are left out.
    """
    cards = {name: values[values[name].get("stand_in") or name].get("storage_hardware_address") for name in names}
    return {name: [str(card)] for name, card in cards.items() if card}


def shelf_exports(shelves: Iterable[str], values: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Say which machine exports which LUN: address such as "1.0" to name. shelves: names. values: hostvars."""
    return {f"{lun['shelf']}.{lun['slot']}": name for name in shelves for lun in values[name].get("shelf_luns") or []}


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "shelf_exported": shelf_exported,
            "shelf_exports": shelf_exports,
            "shelf_handed_over": shelf_handed_over,
            "shelf_machines": shelf_machines,
            "shelf_units": shelf_units,
        }
