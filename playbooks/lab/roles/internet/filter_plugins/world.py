"""Filters that make up the rest of the world's names: a root, a top level, and the domains of others."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parents[5])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from module_utils.zones import names  # noqa: E402  after the path is known

TOP = "test"
TTL = 5  # seconds: tests change what they ask for


def world_names(zones: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the zones of the world: the root, its one top level, and the given ones."""
    return [".", TOP, *(zone["name"] for zone in zones)]


def world_delegations(
    zones: Sequence[str], signers: Mapping[str, Sequence[str]], servers: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Describe zones of others to the world: name, servers (name, addresses), ds.

    zones: their names; who is below another of them is that one's business. signers: zone -> data of DS records.
    """
    servers = list(servers)
    heads = [zone for zone in zones if not any(other != zone and names.below(zone, other) for other in zones)]
    return [{"name": zone, "servers": servers, "ds": list(signers.get(zone, ()))} for zone in heads]


def world_servers(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Describe the cluster's name servers as their parents know them: name, addresses."""
    return [
        {
            "name": f"{host}.{hostvars[host]['cluster_domains'][0]}",
            "addresses": [hostvars[host].get("public_address", hostvars[host]["address"])],
        }
        for host in hosts
    ]


def world_files(
    zones: Iterable[Mapping[str, Any]], delegations: Iterable[Mapping[str, Any]], server: str, addresses: Sequence[str], directory: str
) -> dict[str, str]:
    """Write the world's zones: path -> content.

    zones: name and records. delegations: as world_delegations describes them. server, addresses: who answers for the world.
    """
    zones = list(zones)
    held = {zone["name"]: list(zone["records"]) for zone in zones}
    all_names = world_names(zones)
    own = [
        {"name": zone, "servers": [{"name": server, "addresses": addresses}], "ds": world_signers([zone])[zone]} for zone in all_names[1:]
    ]
    lines = {name: _head(name, server) for name in all_names}
    for zone, records in held.items():
        lines[zone] += [f"{one['name']} IN {one['type']} {_data(one)}" for one in records]
    for child in [*own, *delegations]:
        above = names.zone_of(child["name"], [zone for zone in all_names[1:] if zone != child["name"]]) or "."
        for other in child["servers"]:
            lines[above].append(f"{child['name']}. IN NS {other['name']}.")
            # Glue: who looks for the zone does not know its servers' addresses yet.
            glue = [f"{other['name']}. IN {'AAAA' if ':' in address else 'A'} {address}" for address in other["addresses"]]
            lines[above] += [line for line in glue if line not in lines[above]]
        lines[above] += [f"{child['name']}. IN DS {data}" for data in child["ds"]]
    return {f"{directory}/{name.rstrip('.') or 'root'}": "\n".join(text) + "\n" for name, text in lines.items()}


def _head(name: str, server: str) -> list[str]:
    return [
        "; Posthouse: role internet. Changes here are undone by the next run.",
        f"$ORIGIN {name.rstrip('.')}.",
        f"$TTL {TTL}",
        f"@ IN SOA {server}. nobody.{server}. ( 1 3600 900 1209600 {TTL} )",
        f"@ IN NS {server}.",
    ]


def _data(one: Mapping[str, str]) -> str:
    return names.quoted(one["value"]) if one["type"] == "TXT" else one["value"]


def world_signers(zones: Iterable[str]) -> dict[str, list[str]]:
    """Say what parents have to know of the world's zones: zone -> data of DS records."""
    from module_utils.zones import keys  # noqa: PLC0415  it loads cryptography

    return {zone: [keys.delegation(zone, keys.from_words(_words(zone)))] for zone in zones}


def world_key_files(zones: Iterable[str], directory: str) -> dict[str, str]:
    """Write the keys of the world's zones as named reads them. Everybody can make them, for nobody believes this world but the lab."""
    from module_utils.zones import keys  # noqa: PLC0415  as above

    made = (keys.files(zone, keys.from_words(_words(zone))) for zone in zones)
    return {f"{directory}/{name}": text for files in made for name, text in files.items()}


def _words(zone: str) -> str:
    return f"The lab of Posthouse signs {zone} with a key that everybody knows"


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "world_delegations": world_delegations,
            "world_files": world_files,
            "world_key_files": world_key_files,
            "world_servers": world_servers,
            "world_names": world_names,
            "world_signers": world_signers,
        }
