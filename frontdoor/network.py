"""The lab's two networks. Both are internal: no route leads out, so no rule of a firewall is needed or made."""

import hashlib
import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from frontdoor import paths, shell

# name: (bridge on the control node, network); the control node itself is .1
NETWORKS = {
    "campus": ("posthouse0", IPv4Network("10.143.0.0/24")),
    "internet": ("posthouse1", IPv4Network("198.51.100.0/24")),
}


def gateway(name: str) -> str:
    """The control node's address in a network."""
    return str(NETWORKS[name][1].network_address + 1)


def define() -> None:
    """Write both networks as podman stores them.

    ``podman network create`` cannot name the bridge before version 5, and a bridge whose name is known can be swept
    away after a run that was killed. Writing the file is also what repairs a half-made one.
    """
    for name, (bridge, subnet) in NETWORKS.items():
        body = {
            "name": name,
            "id": hashlib.sha256(f"posthouse {name}".encode()).hexdigest(),
            "driver": "bridge",
            "network_interface": bridge,
            "created": "2026-01-01T00:00:00Z",
            "subnets": [{"subnet": str(subnet), "gateway": gateway(name)}],
            "ipv6_enabled": False,
            "internal": True,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        }
        file = paths.NETWORKS / f"{name}.json"
        text = json.dumps(body, indent=1)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    for stray in paths.NETWORKS.glob("*.json"):
        if stray.stem not in NETWORKS:
            stray.unlink()


def _links() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run(["ip", "-json", "link", "show"]).stdout)
    return found


def bridges() -> list[str]:
    """Those of our bridges that exist."""
    ours = {bridge for bridge, _ in NETWORKS.values()}
    return [link["ifname"] for link in _links() if link["ifname"] in ours]


def sweep() -> list[str]:
    """Take away bridges, cable ends, name spaces and address leases that no machine holds; call when none runs."""
    gone = []
    ours = {bridge for bridge, _ in NETWORKS.values()}
    for link in _links():
        if link.get("master") in ours:
            shell.run(["ip", "link", "delete", link["ifname"]], check=False)
            gone.append(f"interface {link['ifname']}")
    for bridge in bridges():
        shell.run(["ip", "link", "delete", bridge], check=False)
        gone.append(f"bridge {bridge}")
    for space in Path("/run/netns").glob("netns-*"):
        seen = shell.run(["nsenter", f"--net={space}", "ip", "-json", "-4", "address"], check=False)
        if seen.returncode == 0 and any(f'"local":"{str(subnet.network_address)[:-1]}' in seen.stdout for _, subnet in NETWORKS.values()):
            shell.run(["umount", str(space)], check=False)
            space.unlink(missing_ok=True)
            gone.append(f"network name space {space.name}")
    for leases in (paths.RUN / "containers" / "networks", paths.NETWORKS):
        (leases / "ipam.db").unlink(missing_ok=True)
    return gone


def collisions(addresses: list[str]) -> str:
    """What the control node already uses of our networks: a route, a resolver, a mirror; nothing when all is free."""
    routes = json.loads(shell.run(["ip", "-json", "-4", "route", "show", "table", "all", "type", "unicast"]).stdout or "[]")
    ours = {bridge for bridge, _ in NETWORKS.values()}
    for route in routes:
        destination = route.get("dst", "default")
        if destination == "default" or route.get("dev") in ours:
            continue
        for name, (_, subnet) in NETWORKS.items():
            if IPv4Network(destination, strict=False).overlaps(subnet):
                return f"the {name} network {subnet} overlaps this machine's route to {destination} (by {route.get('dev', '?')})"
    for address in addresses:
        for name, (_, subnet) in NETWORKS.items():
            if IPv4Address(address) in subnet:
                return f"the {name} network {subnet} holds {address}, which this machine uses as a resolver or mirror"
    return ""
