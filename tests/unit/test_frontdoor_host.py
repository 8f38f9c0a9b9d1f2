"""What the front door finds out about the host it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdoor import host, network
from frontdoor.errors import Refused
from frontdoor.inventory import Machine, deb822, from_values

DEB822 = """\
# the archive
Types: deb deb-src
URIs: https://mirror.example.org/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 /usr/share/keyrings/one.gpg

Types: deb
URIs: https://mirror.example.org/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://old.example.org/debian
Suites: trixie
"""
ONE_LINE = """\
# deb http://commented.example.org/debian trixie main
deb [signed-by=/x.gpg arch=amd64] http://ftp.example.org/debian trixie main contrib
deb-src http://ftp.example.org/debian trixie main
deb http://security.example.org/debian-security trixie-security main
deb http://third.example.org/packages stable-thing main
"""


def apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        place = {"one": "sources.list", "deb": "sources.list.d/debian.sources"}[name]
        (folder / place).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "debian", "security"),
    [
        ({"deb": DEB822}, "https://mirror.example.org/debian", "https://mirror.example.org/debian-security"),
        ({"one": ONE_LINE}, "http://ftp.example.org/debian", "http://security.example.org/debian-security"),
        ({"one": "deb http://a.example.org/debian trixie main\n"}, "http://a.example.org/debian", "http://a.example.org/debian-security"),
        ({"one": "deb cdrom:[Debian] trixie main\n", "deb": DEB822}, "https://mirror.example.org/debian", None),
    ],
    ids=["deb822", "one line", "security follows", "a disc is no mirror"],
)
def test_the_mirror_is_the_one_that_apt_uses(tmp_path: Path, files: dict[str, str], debian: str, security: str | None) -> None:
    found = host.mirror(folder=apt(tmp_path, **files))
    assert found.debian == debian
    assert security in {None, found.security}


def test_without_a_mirror_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="lab_mirror"):
        host.mirror(folder=apt(tmp_path, one="deb http://third.example.org/packages stable-thing main\n"))


def test_an_inventory_overrides_the_mirror(tmp_path: Path) -> None:
    found = host.mirror("http://near.example.org/debian/", apt(tmp_path, one=ONE_LINE))
    assert found == host.Mirror("http://near.example.org/debian", "http://near.example.org/debian-security")


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", host.ControlGroups.UNIFIED),
        ("tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n", host.ControlGroups.HYBRID),
    ],
)
def test_control_groups_are_detected(mounts: str, kind: host.ControlGroups) -> None:
    assert host.control_groups(mounts) is kind


def test_version_1_alone_is_refused() -> None:
    with pytest.raises(Refused, match="cgroup v2"):
        host.control_groups("tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw 0 0\n")


def test_a_resolver_inside_the_lab_is_a_collision() -> None:
    assert "198.51.100.0/24 holds 198.51.100.77" in network.collisions(["9.9.9.9", "198.51.100.77"])
    assert network.collisions(["9.9.9.9"]) == ""
    assert "2001:db8:198:51::/64 holds 2001:db8:198:51::53" in network.collisions(["2001:db8:198:51::53"])


def test_whether_a_kernel_gives_name_spaces_ipv6(tmp_path: Path) -> None:
    assert not network.speaks_ipv6(tmp_path)
    switch = tmp_path / "ipv6/conf/default/disable_ipv6"
    switch.parent.mkdir(parents=True)
    switch.write_text("0\n")
    assert network.speaks_ipv6(tmp_path)
    switch.write_text("1\n")  # off for the host itself, yet name spaces begin with it on
    assert network.speaks_ipv6(tmp_path)
    inherits = tmp_path / "core/devconf_inherit_init_net"
    inherits.parent.mkdir()
    inherits.write_text("1\n")
    assert not network.speaks_ipv6(tmp_path)


def test_a_host_without_ipv6_says_so_once_and_the_inventory_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "group_vars/all").mkdir(parents=True)
    note = tmp_path / "group_vars/all/ipv6.yml"
    monkeypatch.setattr(network, "speaks_ipv6", lambda: False)
    assert "IPv4 only" in network.note_families(tmp_path)
    assert note.read_text().endswith("cluster_ipv6: false\n")
    monkeypatch.setattr(network, "speaks_ipv6", lambda: True)
    assert network.note_families(tmp_path) == ""
    assert not note.exists()


GROUPS = {"dns": ["ns1"], "world": ["internet"], "exchanger": ["mx1"], "mailstore": ["hermes"]}
HOSTS: dict[str, dict[str, object]] = {
    "ns1": {"address": "10.143.0.2", "public_address": "198.51.100.2", "cluster_domains": ["a.test", "b.test"]},
    "mx1": {"address": "10.143.0.31", "public_address": "198.51.100.31", "cluster_domains": ["a.test", "b.test"]},
    "hermes": {"address": "10.143.0.21", "cluster_domains": ["a.test", "b.test"]},
    "internet": {"address": "198.51.100.200", "cluster_domains": ["a.test", "b.test"]},
}


@pytest.mark.parametrize(
    ("name", "legs", "resolvers", "domain"),
    [
        ("hermes", {"campus": "10.143.0.21"}, ("10.143.0.2",), "a.test"),
        ("mx1", {"campus": "10.143.0.31", "internet": "198.51.100.31"}, ("10.143.0.2",), "a.test"),
        ("internet", {"internet": "198.51.100.200"}, ("127.0.0.1",), ""),
    ],
)
def test_where_a_machine_stands_follows_from_the_inventory(
    name: str, legs: dict[str, str], resolvers: tuple[str, ...], domain: str
) -> None:
    found = from_values(name, HOSTS[name], GROUPS, HOSTS)
    assert (found.legs(), found.resolvers, found.domain) == (legs, resolvers, domain)


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(Refused, match="hermes no address"):
        from_values("hermes", {}, GROUPS, HOSTS)


def test_sources_are_written_as_apt_reads_them(tmp_path: Path) -> None:
    text = deb822([{"uris": ["http://10.143.0.1:3142/debian"], "suites": ["trixie", "trixie-updates"], "components": ["main"]}])
    folder = apt(tmp_path, deb=text)
    assert host.package_sources(folder) == [
        ("http://10.143.0.1:3142/debian", "trixie"),
        ("http://10.143.0.1:3142/debian", "trixie-updates"),
    ]


def test_an_interface_has_at_most_15_characters() -> None:
    names = {network._cable(name, 1) for name in ("hermes", "a-very-long-machine-name", "a-very-long-machine-nam2")}
    assert len(names) == 3
    assert all(len(name) <= 15 for name in names)


def test_a_machine_without_anything_has_one_leg() -> None:
    assert Machine("x", "10.143.0.99").legs() == {"campus": "10.143.0.99"}
    assert Machine("x", "10.143.0.99").legs6() == {}


def test_a_leg_of_ipv6_stands_in_a_network_that_the_machine_is_in() -> None:
    both = {"address6": "2001:db8:10:143::31", "public_address6": "2001:db8:198:51::31"}
    known = {"ns1": HOSTS["ns1"], "mx1": HOSTS["mx1"] | both, "hermes": HOSTS["hermes"] | both}
    assert from_values("mx1", known["mx1"], GROUPS, known).legs6() == {"campus": both["address6"], "internet": both["public_address6"]}
    assert from_values("hermes", known["hermes"], GROUPS, known).legs6() == {"campus": both["address6"]}
    outside = {"address": "198.51.100.200", "address6": "2001:db8:198:51::200"}
    assert from_values("internet", outside, GROUPS, known).legs6() == {"internet": "2001:db8:198:51::200"}


def test_a_hardware_address_follows_from_the_address_and_is_nobodys() -> None:
    found = network.hardware("198.51.100.41")
    assert found == "02:50:c6:33:64:29"
    assert int(found[:2], 16) & 3 == 2, "locally administered, and one machine's (not a group's)"
