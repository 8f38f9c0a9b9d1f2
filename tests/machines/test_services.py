"""Each machine runs what its nouns need, listens where the firewall's table says, and nothing has failed."""

from __future__ import annotations

import pytest
import testinfra

from frontdoor import paths
from frontdoor.landscape import Landscape

INVENTORY = Landscape(paths.INVENTORY)
UNITS = {
    "dns": ["named.service"],
    "directory": ["slapd.service", "posthouse-site-state.socket"],
    "quarantine": [
        "mariadb.service",
        "posthouse-quarantine-purge.timer",
        "posthouse-quarantine-dump.timer",
        "posthouse-quarantine-check.timer",
        "posthouse-site-state.socket",
    ],
    "mailstore": ["postfix.service", "dovecot.service", "postfix@copies.service", "posthouse-copies.service"],
    "content_filter": ["amavis.service", "clamav-daemon.service"],
    "exchanger": [
        "postfix.service",
        "postfix@outside.service",
        "postfix@fixup.service",
        "postfix@inside.service",
        "posthouse-recipients.service",
        "postsrsd.service",
        "postfix-mta-sts-resolver.service",
        "posthouse-tls-policy.socket",
        "posthouse-tls-policy.service",
    ],
    "submission": [
        "postfix.service",
        "postfix@outside.service",
        "postfix@fixup.service",
        "postfix@inside.service",
        "posthouse-recipients.service",
        "posthouse-sasl.socket",
        "posthouse-sasl.service",
        "posthouse-rates.socket",
        "posthouse-rates.service",
        "posthouse-skim.service",
        "dovecot.service",
        "opendkim.service",
        "postfix-mta-sts-resolver.service",
        "posthouse-tls-policy.socket",
        "posthouse-tls-policy.service",
    ],
    "proxy": ["dovecot.service"],
    "backup": [
        "postfix.service",
        "dovecot.service",
        "posthouse-backup-mirror.timer",
        "posthouse-backup-cull.timer",
        "posthouse-backup-state.timer",
        "posthouse-backup-drill.timer",
    ],
}
EVERYWHERE = ["nftables.service", "ssh.service", "systemd-journald.service"]
# Ports on which a noun may be reached from elsewhere; all else listens on the loopback interface or not at all.
PORTS = {
    "dns": {53},
    "directory": {389, 636, 2530},
    "quarantine": {3306, 2530},
    "content_filter": set(),  # that of the lab serves the exchanger on its own machine
    "mailstore": {25, 2525, 2529, 110, 143, 993, 995, 4190},
    "exchanger": {25, 2526},
    "submission": {25, 465, 587},
    "proxy": {110, 143, 993, 995, 4190},
    "backup": {2528},
}
NAMES = [machine.name for machine in INVENTORY.ours]


def nouns(name: str) -> list[str]:
    return [noun for noun in PORTS if name in INVENTORY.groups[noun]]


def host(name: str) -> testinfra.host.Host:
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(paths.SSH_CONFIG))


@pytest.mark.parametrize("name", NAMES)
def test_units_run_and_come_back_after_a_reboot(name: str) -> None:
    machine = host(name)
    for unit in EVERYWHERE + [unit for noun in nouns(name) for unit in UNITS[noun]]:
        service = machine.service(unit)
        assert service.is_running, f"{name}: {unit} does not run"
        if "@" not in unit:  # instances are wanted by their template's generator
            assert service.is_enabled or unit.startswith("systemd-"), f"{name}: {unit} is not enabled"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_has_failed(name: str) -> None:
    assert host(name).run("systemctl --failed --plain --no-legend").stdout == ""
    assert host(name).run("systemctl is-system-running").stdout.strip() == "running"


@pytest.mark.parametrize("name", NAMES)
def test_only_promised_ports_are_open_to_others(name: str) -> None:
    lines = host(name).run("ss -Hltn").stdout.splitlines()
    listening = {address.rpartition(":") for address in (line.split()[3] for line in lines)}
    outward = {int(port) for address, _, port in listening if not address.strip("[]").startswith(("127.", "::1"))}
    promised = {22}.union(*(PORTS[noun] for noun in nouns(name)))
    assert outward == promised


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_whole_and_none_is_a_leftover(name: str) -> None:
    machine = host(name)
    assert machine.run("dpkg --audit").stdout == ""
    assert machine.run("dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep -v '^ii' || true").stdout == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_machine_knows_its_name(name: str) -> None:
    machine = host(name)
    assert machine.run("hostname").stdout.strip() == name
    assert machine.run("hostname --fqdn").stdout.strip() == f"{name}.{INVENTORY.domain}"
