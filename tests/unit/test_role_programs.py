"""The small programs that the roles base and dns put on machines."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[2] / "roles"
ZONE = "$TTL 60\n@ IN SOA ns1.example.edu. hostmaster.example.edu. (\n    0 ; serial\n    1 1 1 60 )\n@ IN NS ns1.example.edu.\n"


class Zones:
    """posthouse-zones with directories of its own."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.published = folder / "sources", folder / "published"
        (self.sources / "campus").mkdir(parents=True)
        text = (ROLES / "dns/templates/usr/local/libexec/posthouse-zones").read_text()
        self.program = folder / "posthouse-zones"
        self.program.write_text(
            text.replace("{{ __dns_sources }}", str(self.sources)).replace("{{ __dns_published }}", str(self.published))
        )

    def want(self, name: str, text: str) -> None:
        (self.sources / "campus" / name).write_text(text)

    def publish(self) -> None:
        subprocess.run([sys.executable, self.program, "publish"], check=True)

    def serial(self, name: str) -> int:
        found = re.search(r"^    (\d+) ; serial$", (self.published / "campus" / name).read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.published / "campus").iterdir())


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    return Zones(tmp_path)


def test_a_new_zone_gets_the_time_as_its_serial_number(zones: Zones) -> None:
    zones.want("example.edu", ZONE)
    before = int(time.time())
    zones.publish()
    assert before <= zones.serial("example.edu") <= int(time.time())


def test_the_serial_number_grows_when_the_data_changed_and_only_then(zones: Zones) -> None:
    zones.want("example.edu", ZONE)
    zones.publish()
    first = zones.serial("example.edu")
    zones.publish()
    assert zones.serial("example.edu") == first
    for change in range(3):
        zones.want("example.edu", ZONE + f"www IN A 192.0.2.{change}\n")
        zones.publish()
        assert zones.serial("example.edu") > first
        first = zones.serial("example.edu")


def test_a_number_from_the_future_is_counted_on(zones: Zones) -> None:
    zones.want("example.edu", ZONE)
    zones.publish()
    future = int(time.time()) + 10**6
    path = zones.published / "campus" / "example.edu"
    path.write_text(path.read_text().replace(str(zones.serial("example.edu")), str(future)) + "old IN A 192.0.2.9\n")
    zones.publish()
    assert zones.serial("example.edu") == future + 1


def test_a_zone_that_is_gone_is_removed(zones: Zones) -> None:
    zones.want("example.edu", ZONE)
    zones.want("example.org", ZONE)
    zones.publish()
    (zones.sources / "campus" / "example.org").unlink()
    zones.publish()
    assert zones.names() == ["example.edu"]


@pytest.mark.parametrize(
    ("connection", "networks", "kept"),
    [
        ("192.0.2.5 50000 192.0.2.21 22", ["192.0.2.5/32"], True),
        ("192.0.2.6 50000 192.0.2.21 22", ["192.0.2.5/32", "192.0.2.64/26"], False),
        ("192.0.2.70 50000 192.0.2.21 22", ["192.0.2.5/32", "192.0.2.64/26"], True),
        ("2001:db8::7 50000 2001:db8::1 22", ["192.0.2.0/24", "2001:db8::/64"], True),
        ("::ffff:192.0.2.5 50000 ::ffff:192.0.2.21 22", ["192.0.2.5/32"], True),
        ("fe80::1%eth0 50000 fe80::2 22", ["2001:db8::/64"], False),
        ("192.0.2.5 50000 192.0.2.21 22", [], False),
    ],
)
def test_a_firewall_that_would_cut_off_its_own_run_is_refused(connection: str, networks: list[str], kept: bool) -> None:
    program = ROLES / "base/templates/usr/local/libexec/posthouse-keeps-ssh"
    environment = {"SSH_CONNECTION": connection}
    run = subprocess.run([sys.executable, program, *networks], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is kept
    assert kept or "cluster_admin_networks" in run.stderr
