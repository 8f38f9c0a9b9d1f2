"""Filters that say where the world is to knock, where it is to find nobody, and with what program one knocks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Machine = Mapping[str, str]


def _public(machine: Machine) -> list[str]:
    return [machine[key] for key in ("public_address", "public_address6") if machine.get(key)]


def status_doors(
    machines: Iterable[Machine], ports: Iterable[Mapping[str, Any]], known_as: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Name every door at which the world is welcome.

    machines: as cluster_members describes them. ports: name, port and speaks, as role status takes them. known_as: name of a port to the
    name under which people know those who serve it; else it is met under its machine's own name.
    Returns for each public address and port: name, address, port, speaks, host.
    """
    ports = list(ports)
    return [
        {
            "name": f"{machine['name']} {port['name']}" + (" (IPv6)" if ":" in address else ""),
            "address": address,
            "port": port["port"],
            "speaks": port["speaks"],
            "host": (known_as or {}).get(port["name"], machine["fqdn"]),
        }
        for machine in machines
        for address in _public(machine)
        for port in ports
    ]


def status_shut(
    machines: Iterable[Machine],
    groups: Mapping[str, Iterable[str]],
    offers: Mapping[str, Iterable[Mapping[str, Any]]],
    never: Iterable[int],
) -> list[dict[str, Any]]:
    """Name the doors that are shut for the world.

    groups: noun to names of machines. offers: noun to what the firewall lets in (ports, from). never: ports that anybody would try.
    Returns for each address under which the internet meets a machine: name, address, ports.
    """
    every = {port for some in offers.values() for offer in some for port in offer["ports"]} | set(never)
    found = []
    for machine in machines:
        mine = [noun for noun in offers if machine["name"] in groups.get(noun, [])]
        welcome = {port for noun in mine for offer in offers[noun] if offer["from"] == "anyone" for port in offer["ports"]}
        if machine["public_address"] != machine["address"]:
            found += [{"name": machine["name"], "address": address, "ports": sorted(every - welcome)} for address in _public(machine)]
    return found


_CARRIED = """\
import io, json, pathlib, runpy, sys, tempfile
sys.dont_write_bytecode = True
with tempfile.TemporaryDirectory() as folder:
    for path, text in json.loads({files!r}).items():
        place = pathlib.Path(folder + path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    sys.path.insert(0, folder)
    sys.stdin = io.StringIO({given!r})
    runpy.run_module({module!r}, run_name="__main__")
"""


def status_program(files: Mapping[str, str], module: str, given: Any) -> str:
    """Write a program that brings a service's modules along, runs one of them and leaves nothing behind; for `python3 -I -`.

    files: path, with a slash in front, to content, as service_files makes them for no directory. given: what the module reads from its
    standard input, as JSON.
    """
    return _CARRIED.format(files=json.dumps(dict(files)), module=module, given=json.dumps(given))


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"status_doors": status_doors, "status_program": status_program, "status_shut": status_shut}
