"""The filter's machine: who reaches what, what fences it, and that the version it runs has what our hooks take hold of."""

from __future__ import annotations

import re

import pytest

from filter_plugins.content_filter import content_filter_limits
from tests.laboratory import Lab

SOCKET = "/run/amavis-release/socket"
HOOKS = "/usr/lib/posthouse/content_filter/*.pl"
# Taken hold of where it is used, not where it is written.
WRITTEN_IN = {"Amavis::Unpackers::collect_results": "Amavis::ProcControl"}


@pytest.fixture(scope="module")
def machine(lab: Lab) -> str:
    return lab.inventory.machines("content_filter")[0].name


@pytest.fixture(scope="module")
def limits(lab: Lab) -> dict[str, int]:
    return content_filter_limits(lab.inventory.everywhere("content_filter_memory"))


def test_it_answers_when_systemd_says_it_is_up(lab: Lab, machine: str) -> None:
    """Debian's own unit says so two to three seconds before."""
    greeting = "exec 3<>/dev/tcp/127.0.0.1/10024 && read -t 5 line <&3 && echo $line"
    assert lab.run(machine, f"systemctl restart amavis && {greeting}").startswith("220 ")


def test_it_listens_for_its_own_exchanger_only(lab: Lab, machine: str) -> None:
    assert lab.run(machine, "ss -Hltn sport = :10024 | awk '{print $4}'").split() == ["127.0.0.1:10024"]


def test_only_who_may_release_reaches_the_socket(lab: Lab, machine: str) -> None:
    assert lab.run(machine, f"stat -c '%a %U %G' $(dirname {SOCKET})").split() == ["2750", "amavis", "quarantine"]
    assert lab.run(machine, f"stat -c '%a %U %G' {SOCKET}").split() == ["660", "amavis", "quarantine"]
    for user in ("nobody", "clamav"):
        assert lab.run(machine, f"runuser -u {user} -- test -w {SOCKET} && echo reached || echo away").strip() == "away", user


ASK = f"""
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.settimeout(20)
line.connect({SOCKET!r})
line.sendall(REQUEST)
print(line.recv(9999).decode())
"""


@pytest.mark.parametrize("lines", [["request=AM.PDP", "tempdir=/etc"], ["request=release", "mail_id=x", "quar_type=F"]])
def test_the_socket_releases_and_does_nothing_else(lab: Lab, machine: str, lines: list[str]) -> None:
    """AM.PDP would have amavis read any file for whoever reaches the socket."""
    request = "\r\n".join([*lines, "mail_file=/etc/passwd", "sender=<>", "recipient=<root@localhost>", "", ""])
    answer = lab.run(machine, "python3 -", ASK.replace("REQUEST", repr(request.encode())))
    assert "only%20a%20release" in answer, answer


def test_the_filter_cannot_change_what_it_is_told(lab: Lab, machine: str) -> None:
    """It opens what strangers send: whoever takes it over finds nothing to write but its own directory."""
    places = "/etc/amavis /etc/amavis/conf.d/* /etc/spamassassin /etc/spamassassin/* /usr/lib/posthouse/content_filter/* /var/lib/clamav"
    writable = f"runuser -u amavis -- sh -c 'for file in {places}; do test -w $file && echo $file; done; true'"
    assert lab.run(machine, writable) == ""


def test_the_password_is_for_the_filter_alone(lab: Lab, machine: str) -> None:
    """clamd is a member of amavis' group, for it reads the parts of letters; it is no reader of this."""
    for user in ("clamav", "debian-spamd", "nobody"):
        tried = lab.run(machine, f"runuser -u {user} -- head -c 1 /etc/amavis/conf.d/50-user >/dev/null 2>&1 && echo read || echo refused")
        assert tried.strip() == "refused", user
    assert lab.run(machine, "runuser -u amavis -- head -c 1 /etc/amavis/conf.d/50-user") == "#"


def test_scanner_and_filter_read_what_they_have_to(lab: Lab, machine: str) -> None:
    assert "amavis" in lab.run(machine, "id -nG clamav").split()
    assert {"clamav", "posthouse-antispam"} <= set(lab.run(machine, "id -nG amavis").split())


def test_systemd_keeps_the_fence(lab: Lab, machine: str, limits: dict[str, int]) -> None:
    names = ["MemoryHigh", "MemoryMax", "TasksMax", "LimitFSIZE", "NoNewPrivileges", "ProtectSystem", "Restart", "OOMPolicy", "Type"]
    shown = dict(line.split("=", 1) for line in lab.run(machine, f"systemctl show amavis -p {','.join(names)}").splitlines())
    assert shown == {
        "MemoryHigh": str(limits["memory_high"] * 2**20),
        "MemoryMax": str(limits["memory_max"] * 2**20),
        "TasksMax": str(limits["tasks"]),
        "LimitFSIZE": str(limits["expansion_bytes"]),
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "Restart": "always",
        "OOMPolicy": "continue",
        "Type": "notify",
    }


def test_the_exchanger_brings_as_many_letters_as_there_are_children(lab: Lab, machine: str, limits: dict[str, int]) -> None:
    assert lab.run(machine, "pgrep -u amavis -P $(systemctl show -P MainPID amavis) -c").strip() == str(limits["children"])
    limit = lab.run(lab.exchanger.name, "postconf -c /etc/postfix-fixup -h smtp_destination_concurrency_limit").strip()
    assert limit == str(limits["children"])


def test_what_the_hooks_take_hold_of_is_there(lab: Lab, machine: str) -> None:
    """Another version of amavis may have other names: then the hooks would wrap nothing, without a word."""
    hooks = lab.run(machine, f"cat {HOOKS}")
    wrapped = set(re.findall(r"^\s*\*([A-Za-z:]+::\w+) = sub", hooks, re.MULTILINE))
    wrapped |= {f"Amavis::Out::SQL::Log::{step}" for step in ("save_info_preliminary", "save_info_final")}
    assert len(wrapped) == 10, wrapped
    for name in sorted(wrapped):
        package, _, function = name.rpartition("::")
        path = f"/usr/share/perl5/{WRITTEN_IN.get(name, package).replace('::', '/')}.pm"
        assert lab.run(machine, f"grep -c '^sub {function}\\b' {path}").strip() == "1", name


def test_nothing_of_debians_opinions_is_left(lab: Lab, machine: str) -> None:
    """Every file of the directory is ours; the package's two elsewhere say paths, and are overruled where they bypass checks."""
    files = "for file in /etc/amavis/conf.d/*; do grep -q 'Posthouse: role content_filter' $file || echo $file; done"
    assert lab.run(machine, files) == ""
    assert lab.run(machine, "ls /usr/share/amavis/conf.d").split() == ["10-debian_scripts", "20-package"]
