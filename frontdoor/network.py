"""The lab's networks: a bridge each, and for each machine a network name space with its cables.

Podman only gets the ready name spaces. Its own networks would keep their address leases in one database for the whole host
(/run/containers/networks/ipam.db), and a lease that a killed run leaves there can never be given again. Names and addresses
here follow from the inventory alone, so that whatever a killed run leaves can be found and made anew. No route leads out of
either network, so no firewall rule is needed or made.

Campus and internet speak IPv6 too, unless this host's kernel does not. The storage network carries no addresses: AoE is frames.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from frontdoor import shell
from frontdoor.inventory import Machine

# name: (bridge on the control node, network); the control node itself is .1
NETWORKS = {
    "campus": ("posthouse0", IPv4Network("10.143.0.0/24")),
    "internet": ("posthouse1", IPv4Network("198.51.100.0/24")),
}
NETWORKS6 = {
    "campus": IPv6Network("2001:db8:10:143::/64"),
    "internet": IPv6Network("2001:db8:198:51::/64"),
}
STORAGE = "posthouse2"
STORAGE_MTU = 9216  # what switches for jumbo frames carry: room for a tag, and for a site that goes above 9000
BRIDGES = (*(bridge for bridge, _ in NETWORKS.values()), STORAGE)
_SPACES = Path("/run/netns")  # where ip-netns(8) keeps them
_PREFIX = "posthouse-"


def gateway(name: str) -> str:
    """The control node's address in a network."""
    return str(NETWORKS[name][1].network_address + 1)


def gateway6(name: str) -> str:
    """The same for IPv6."""
    return str(NETWORKS6[name].network_address + 1)


def speaks_ipv6(settings: Path = Path("/proc/sys/net")) -> bool:
    """Whether this host's kernel gives a new name space IPv6; that of the host itself may be switched off.

    A name space begins with IPv6 on, unless it inherits what the host says (kernel documentation, admin-guide/sysctl/net,
    devconf_inherit_init_net: 1 and 3).
    """
    switch, inherits = settings / "ipv6/conf/default/disable_ipv6", settings / "core/devconf_inherit_init_net"
    if not switch.exists():
        return False
    return switch.read_text().strip() == "0" or not (inherits.exists() and inherits.read_text().strip() in ("1", "3"))


def note_families(inventory: Path) -> str:
    """Let the inventory say what this host can do; a sentence when that is less than its addresses promise."""
    note = inventory / "group_vars" / "all" / "ipv6.yml"
    if speaks_ipv6():
        note.unlink(missing_ok=True)
        return ""
    note.write_text("---\n# Written by ./lab up, because the kernel of this host has no IPv6.\ncluster_ipv6: false\n")
    return "This host's kernel has no IPv6: the lab has IPv4 only."


def _links() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run(["ip", "-json", "link", "show"]).stdout)
    return found


def _batch(*lines: str, space: str = "") -> None:
    """Run lines of ip(8) in one call, inside a machine's name space when one is given."""
    shell.run(["ip", *(["-netns", space] if space else []), "-batch", "-"], stdin="\n".join(lines).encode())


def define() -> None:
    """Have the bridges up, with the control node's address; in the storage network it has none."""
    there = bridges()
    for name, (bridge, subnet) in NETWORKS.items():
        lines = [] if bridge in there else [f"link add {bridge} type bridge"]
        _batch(*lines, f"address replace {gateway(name)}/{subnet.prefixlen} dev {bridge}", f"link set {bridge} up")
        if speaks_ipv6():
            Path(f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6").write_text("0\n")
            _batch(f"address replace {gateway6(name)}/{NETWORKS6[name].prefixlen} dev {bridge} nodad")
    lines = [] if STORAGE in there else [f"link add {STORAGE} mtu {STORAGE_MTU} type bridge mcast_snooping 0"]
    _batch(*lines, f"link set {STORAGE} addrgenmode none up")


def space(machine: str) -> Path:
    """Where a machine's network name space is."""
    return _SPACES / f"{_PREFIX}{machine}"


def _cable(machine: str, leg: int) -> str:
    """The control node's end of a cable; an interface's name has at most 15 characters (IFNAMSIZ)."""
    short = machine if len(machine) <= 9 else hashlib.sha256(machine.encode()).hexdigest()[:9]
    return f"ph-{short}-{leg}"


def hardware(address: str) -> str:
    """The hardware address of whoever has this address, locally administered (IEEE 802, 8.4).

    A machine keeps it when its cables are made anew; with another one its neighbours would send to nobody until their ARP
    entry ends, which takes up to a minute (arp(7), base_reachable_time).
    """
    return "02:50:" + ":".join(f"{part:02x}" for part in IPv4Address(address).packed)


@dataclass(frozen=True)
class Leg:
    """A card of a machine: into which bridge, with which hardware address, packet size and addresses with their prefix lengths."""

    bridge: str
    hardware: str
    mtu: int
    addresses: tuple[str, ...] = ()


def legs(machine: Machine) -> list[Leg]:
    """A machine's cards, eth0 first."""
    found = []
    for network, address in machine.legs().items():
        bridge, subnet = NETWORKS[network]
        addresses = [f"{address}/{subnet.prefixlen}"]
        if (address6 := machine.legs6().get(network)) and speaks_ipv6():
            addresses.append(f"{address6}/{NETWORKS6[network].prefixlen}")
        found.append(Leg(bridge, hardware(address), 1500, tuple(addresses)))
    if machine.storage_hardware_address:
        found.append(Leg(STORAGE, machine.storage_hardware_address, STORAGE_MTU))
    return found


def connect(machine: Machine) -> None:
    """Have a machine's name space with its addresses, cabled to the bridges; what is right already is left alone."""
    name = space(machine.name).name
    if is_connected(machine):
        return
    disconnect(machine.name)
    shell.run(["ip", "netns", "add", name])
    inside = ["link set lo up"]
    outside = []
    for number, leg in enumerate(legs(machine)):
        cable = _cable(machine.name, number)
        # Of a virtual machine the guest has the address of the card, and this end is a port of a switch.
        hardware_address = "" if machine.virtual else f"address {leg.hardware}"
        outside += [f"link add {cable} mtu {leg.mtu} type veth peer name eth{number} mtu {leg.mtu} {hardware_address} netns {name}"]
        outside += [f"link set {cable} master {leg.bridge} up"]
        inside += _guest(number, leg) if machine.virtual else _own(number, leg)
    _batch(*outside)
    _batch(*inside, space=name)


def _own(number: int, leg: Leg) -> list[str]:
    """Lines of ip(8) for a card that the machine's name space uses itself."""
    # No search for a second holder (RFC 4862, 5.4): while it lasts nobody can bind to the address, and daemons start at once.
    addresses = [f"address add {one} dev eth{number}{' nodad' if ':' in one else ''}" for one in leg.addresses]
    quiet = [] if leg.addresses else [f"link set eth{number} addrgenmode none"]
    return [*quiet, *addresses, f"link set eth{number} up"]


def _guest(number: int, leg: Leg) -> list[str]:
    """The same for a card that a guest has: a switch joins the cable and the guest's tap, and has no address itself."""
    switch, tap = f"switch{number}", f"tap{number}"
    lines = [f"link add {switch} mtu {leg.mtu} type bridge mcast_snooping 0", f"tuntap add dev {tap} mode tap"]
    lines += [f"link set {link} mtu {leg.mtu} addrgenmode none" for link in (switch, tap, f"eth{number}")]
    lines += [f"link set {link} master {switch} up" for link in (tap, f"eth{number}")]
    return [*lines, f"link set {switch} up"]


def is_connected(machine: Machine) -> bool:
    """Whether a machine's name space has its addresses and its cables lead to the bridges."""
    seen = shell.run(["ip", "-netns", space(machine.name).name, "-json", "address", "show", "up"], check=False)
    if seen.returncode:
        return False
    inside = json.loads(seen.stdout or "[]")
    addresses = {f"{entry['local']}/{entry['prefixlen']}" for link in inside for entry in link.get("addr_info", [])}
    masters = {link["ifname"]: link.get("master") for link in _links()}
    switched = {link["ifname"] for link in inside if link.get("master")}
    for number, leg in enumerate(legs(machine)):
        ends = {f"eth{number}", f"tap{number}"} if machine.virtual else set()
        if masters.get(_cable(machine.name, number)) != leg.bridge or not ends <= switched:
            return False
    return machine.virtual is not None or {one for leg in legs(machine) for one in leg.addresses} <= addresses


def disconnect(machine: str) -> None:
    """Remove a machine's name space; its cables go with it."""
    if space(machine).exists():
        shell.run(["ip", "netns", "delete", space(machine).name], check=False)
        space(machine).unlink(missing_ok=True)
    for leg in range(len(BRIDGES)):
        # Name spaces end asynchronously; a cable that lingers would be in the way of its successor.
        shell.run(["ip", "link", "delete", _cable(machine, leg)], check=False)


def plug(machine: str, leg: int, plugged: bool) -> None:
    """Pull a machine's cable, or put it back: whoever is at the other end sees that there is no carrier."""
    shell.run(["ip", "link", "set", _cable(machine, leg), "up" if plugged else "down"])


def bridges() -> list[str]:
    """Those of our bridges that exist."""
    return [link["ifname"] for link in _links() if link["ifname"] in BRIDGES]


def forget(machines: Sequence[str]) -> list[str]:
    """Remove the name spaces of all but these machines; the answer names them."""
    strangers = {one.name.removeprefix(_PREFIX) for one in _SPACES.glob(f"{_PREFIX}*")} - set(machines)
    for stranger in strangers:
        disconnect(stranger)
    return sorted(strangers)


def sweep() -> None:
    """Remove every name space, cable and bridge of the lab."""
    for one in _SPACES.glob(f"{_PREFIX}*"):
        disconnect(one.name.removeprefix(_PREFIX))
    for link in _links():
        if link.get("master") in BRIDGES:
            shell.run(["ip", "link", "delete", link["ifname"]], check=False)
    for bridge in bridges():
        shell.run(["ip", "link", "delete", bridge], check=False)


def _routes(family: str) -> list[dict[str, Any]]:
    """This machine's routes of a family; none where the kernel does not know it."""
    said = shell.run(["ip", "-json", family, "route", "show", "table", "all", "type", "unicast"], check=False)
    found: list[dict[str, Any]] = json.loads(said.stdout or "[]") if said.returncode == 0 else []
    return found


def collisions(addresses: list[str]) -> str:
    """What the control node already uses of our networks: a route, a resolver, a mirror; nothing when all is free."""
    subnets = [(name, subnet) for name, (_, subnet) in NETWORKS.items()] + list(NETWORKS6.items())
    for route in (route for family in ("-4", "-6") for route in _routes(family)):
        destination = route.get("dst", "default")
        if destination == "default" or route.get("dev") in BRIDGES:
            continue
        taken = ip_network(destination, strict=False)
        for name, subnet in subnets:
            if taken.version == subnet.version and taken.overlaps(subnet):
                return f"the {name} network {subnet} overlaps this machine's route to {destination} (by {route.get('dev', '?')})"
    for address in addresses:
        for name, subnet in subnets:
            if ip_address(address) in subnet:
                return f"the {name} network {subnet} holds {address}, which this machine uses as a resolver or mirror"
    return ""
