"""The interface on which LUNs are exported: made by Open vSwitch where the kernel cannot, and waited for."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from .settings import Settings

#: Of Open vSwitch; the card and the interface are its ports.
BRIDGE = "posthouse-aoe"
_PATIENCE = 60.0


class NetworkError(Exception):
    """The interface is not as it has to be; the message says what is wrong."""


def bring_up(settings: Settings, root: Path = Path("/")) -> None:
    """Make the interface if that is ours to do, and return when it can be used. Raises NetworkError."""
    if settings.tagging == "openvswitch":
        name = card(settings, root)
        quiet(root, name)
        at_least = max(settings.mtu, _number(root / "sys/class/net" / name / "mtu"))
        _run(["ip", "link", "set", "dev", name, "mtu", str(at_least), "up"])
        _run(switch(settings, name, _ports()))
        _wait(root, settings.interface)
        quiet(root, settings.interface)
        _run(["ip", "link", "set", "dev", settings.interface, "up"])
    _wait(root, settings.interface)
    found = _number(root / "sys/class/net" / settings.interface / "mtu")
    if found != settings.mtu:
        raise NetworkError(f"{settings.interface} carries packets of {found} bytes, not {settings.mtu}; can its card do that?")


def card(settings: Settings, root: Path = Path("/")) -> str:
    """Return the name of the interface that has the card's address. Raises NetworkError when it is not exactly one."""
    # What lies on top of a card has its address too, but no device of its own, or another kind.
    virtual = {settings.interface, BRIDGE}
    names = sorted(
        one.name
        for one in (root / "sys/class/net").iterdir()
        if one.name not in virtual and (one / "address").exists() and (one / "address").read_text().strip().lower() == settings.card
    )
    if len(names) != 1:
        those = (
            f"{len(names)} interfaces have it: {', '.join(names)}"
            if names
            else "no interface has it; is the card in, is the address right?"
        )
        raise NetworkError(f"the card {settings.card}: {those}")
    return names[0]


def switch(settings: Settings, name: str, ports: list[str]) -> list[str]:
    """Return the one command that makes Open vSwitch as it shall be. name: of the card. ports: what the switch has now.

    Its kernel part is not needed: with the datapath in user space, frames are tagged by the daemon itself.
    """
    tag, trunk = ([f"tag={settings.vlan}"], [f"trunks={settings.vlan}", "vlan_mode=trunk"]) if settings.vlan else ([], [])
    words = ["ovs-vsctl", "--timeout=30", "--may-exist", "add-br", BRIDGE, "--", "set", "bridge", BRIDGE]
    words += ["datapath_type=netdev", "fail_mode=standalone", "mcast_snooping_enable=false"]
    for port in sorted(set(ports) - {name, settings.interface}):
        words += ["--", "--if-exists", "del-port", BRIDGE, port]
    for port, options in ((name, trunk), (settings.interface, tag)):
        words += ["--", "--may-exist", "add-port", BRIDGE, port]
        # What it was before with another VLAN must not stay.
        words += ["--", "clear", "port", port, "tag", "--", "clear", "port", port, "trunks", "--", "clear", "port", port, "vlan_mode"]
        words += ["--", "set", "port", port, *options] if options else []
    # LUNs have the card's address, as they would on an interface of the kernel's.
    words += ["--", "set", "interface", settings.interface, "type=internal", f"mtu_request={settings.mtu}"]
    return [*words, 'mac="' + settings.card + '"']


def quiet(root: Path, name: str) -> None:
    """Let an interface speak no IPv6, where there is any: addresses that nobody wants would be looked for and announced."""
    file = root / "proc/sys/net/ipv6/conf" / name / "disable_ipv6"
    if file.exists():
        file.write_text("1\n")


def _ports() -> list[str]:
    # To ask for the ports of a switch that is not there is an error in the journal.
    return _run(["ovs-vsctl", "--timeout=30", "list-ports", BRIDGE]).split() if BRIDGE in _run(["ovs-vsctl", "list-br"]).split() else []


def _run(words: list[str]) -> str:
    found = subprocess.run(words, check=False, capture_output=True, text=True)
    if found.returncode:
        raise NetworkError(f"{words[0]} failed: {found.stderr.strip() or found.returncode}")
    return found.stdout


def _wait(root: Path, name: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not (root / "sys/class/net" / name).exists():
        if time.monotonic() > until:
            raise NetworkError(f"there is no interface {name} after {_PATIENCE:.0f} seconds; networkctl status {name} says more")
        time.sleep(0.1)


def _number(file: Path) -> int:
    return int(file.read_text())
