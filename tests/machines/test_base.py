"""What every machine is before it has a noun: closed to passwords, patched, with names, a journal and a place in the cluster."""

from __future__ import annotations

import pytest
import testinfra

from frontdoor import paths
from frontdoor.landscape import Landscape
from tests.laboratory import Lab

INVENTORY = Landscape(paths.INVENTORY)
NAMES = [machine.name for machine in INVENTORY.ours]


@pytest.fixture(params=NAMES)
def machine(request: pytest.FixtureRequest, lab: Lab) -> testinfra.host.Host:
    """One machine after the other."""
    return testinfra.get_host(f"ssh://{request.param}", ssh_config=str(lab.ssh_config))


def test_nobody_logs_in_with_a_password(machine: testinfra.host.Host) -> None:
    said = machine.run("sshd -T").stdout.splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin without-password"} <= set(said)


def test_only_security_upgrades_are_installed_by_themselves(machine: testinfra.host.Host) -> None:
    said = machine.run("apt-config dump").stdout
    origins = [line.split('"')[1] for line in said.splitlines() if line.startswith("Unattended-Upgrade::Origins-Pattern::")]
    assert origins == ["origin=Debian,codename=${distro_codename}-security,label=Debian-Security"]
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in said


def test_packages_come_from_the_inventorys_sources_alone(machine: testinfra.host.Host) -> None:
    wanted = {uri for source in INVENTORY.values["base_apt_sources"] for uri in source["uris"]}
    found = machine.run("apt-get indextargets --format '$(REPO_URI)'").stdout.split()
    assert {uri.rstrip("/") for uri in found} == {uri.rstrip("/") for uri in wanted}


def test_names_are_asked_of_the_clusters_name_servers(machine: testinfra.host.Host) -> None:
    servers = [line.split()[1] for line in machine.file("/etc/resolv.conf").content_string.splitlines() if line.startswith("nameserver")]
    name = machine.run("hostname").stdout.strip()
    others = [] if name in INVENTORY.groups["dns"] else [server.address for server in INVENTORY.machines("dns")]
    # Machines that judge senders have a resolver on board (role resolver) and ask it first.
    on_board = any(name in INVENTORY.groups[noun] for noun in ("dns", "exchanger", "content_filter"))
    assert servers == ["127.0.0.1"] * on_board + others


def test_the_journal_outlives_a_reboot(machine: testinfra.host.Host) -> None:
    assert machine.run("ls /var/log/journal/*/system.journal").rc == 0


def test_a_login_has_a_locale(machine: testinfra.host.Host) -> None:
    assert machine.file("/etc/default/locale").linked_to == "/etc/locale.conf"


def test_redirects_are_not_followed(machine: testinfra.host.Host) -> None:
    said = machine.run("sysctl -n net.ipv4.conf.all.accept_redirects net.ipv4.conf.all.send_redirects net.ipv4.conf.all.rp_filter")
    assert said.stdout.split() == ["0", "0", "2"]


def test_the_guard_of_the_firewall_knows_from_where_this_comes(machine: testinfra.host.Host) -> None:
    """From the control node a rule set without it is refused: /proc says who called, for ssh runs this very command."""
    assert machine.run("/usr/local/libexec/posthouse-keeps-ssh 192.0.2.0/24").rc == 1
    assert machine.run("/usr/local/libexec/posthouse-keeps-ssh %s", INVENTORY.values["cluster_networks"][0]).rc == 0
