"""Virtual machines of the lab: what they are told, how they are cabled, and the program that is their power button."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from frontdoor import checks, engine, hypervisor, inventory, machines, network, paths, ssh, standing, virtual, virtual_image
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape

CARD = "02:53:00:00:00:18"
VALUES = {
    "address": "10.143.0.24",
    "address6": "2001:db8:10:143::24",
    "cluster_domains": ["madstop.test"],
    "storage_hardware_address": CARD.upper(),
    "lab_virtual": {"memory": 1024, "processors": 2},
    "base_apt_sources": [{"uris": ["http://10.143.0.1:3142/debian"], "suites": ["trixie"]}],
}


@pytest.fixture
def apollo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> inventory.Machine:
    """Return a virtual machine; its keys are in a folder of the test's."""
    monkeypatch.setattr(paths, "SSH", tmp_path)
    monkeypatch.setattr(paths, "SSH_KEY", tmp_path / "key")
    monkeypatch.setattr(network, "speaks_ipv6", lambda: True)
    everyone = {"apollo": VALUES, "ns1": {"address": "10.143.0.2"}}
    return inventory.from_values("apollo", VALUES, {"dns": ["ns1"]}, everyone)


def test_inventory_makes_a_virtual_machine(apollo: inventory.Machine) -> None:
    assert apollo.virtual == inventory.Virtual(1024, 2)
    campus, storage = network.legs(apollo)
    assert campus.bridge == "posthouse0"
    assert campus.addresses == ("10.143.0.24/24", "2001:db8:10:143::24/64")
    assert storage == network.Leg(network.STORAGE, CARD, network.STORAGE_MTU)


def test_a_card_without_hardware_address_is_refused() -> None:
    with pytest.raises(Refused, match="hardware address"):
        inventory.from_values("apollo", {**VALUES, "storage_hardware_address": "02:53"}, {}, {})


def test_a_storage_card_comes_last_and_says_nothing_of_its_own(apollo: inventory.Machine) -> None:
    san1 = inventory.Machine("san1", "10.143.0.71", "198.51.100.71", storage_hardware_address=CARD)
    assert [leg.bridge for leg in network.legs(san1)] == ["posthouse0", "posthouse1", "posthouse2"]
    assert network._own(2, network.legs(san1)[2]) == ["link set eth2 addrgenmode none", "link set eth2 up"]
    assert not [line for line in network._guest(0, network.legs(apollo)[0]) if "address add" in line]


def test_guest_is_told_who_it_is(apollo: inventory.Machine) -> None:
    told = virtual.credentials(apollo)
    assert told["system.hostname"] == "apollo"
    files = {}
    for line in told["tmpfiles.extra"].splitlines():
        kind, path, mode, user, group, age, text = line.split(" ")
        assert (kind, user, group, age) == ("f~", "root", "root", "-")
        files[path] = (mode, base64.b64decode(text).decode())
    assert files["/etc/ssh/ssh_host_ed25519_key"] == ("0600", ssh.host_key("apollo").read_text())
    assert files["/root/.ssh/authorized_keys"] == ("0600", ssh.authorized_key() + "\n")
    assert files["/etc/resolv.conf"][1] == "search madstop.test\nnameserver 10.143.0.2\n"
    assert "URIs: http://10.143.0.1:3142/debian" in files["/etc/apt/sources.list.d/debian.sources"][1]
    campus = told["network.network.10-campus"]
    assert f"MACAddress={network.hardware('10.143.0.24')}\n" in campus
    assert "Address=10.143.0.24/24\n" in campus
    assert "Address=2001:db8:10:143::24/64\n" in campus
    assert CARD not in campus, "the storage card is the role's"


def test_words_of_qemu(apollo: inventory.Machine) -> None:
    words = virtual.words(apollo)
    assert words[words.index("-m") + 1] == "1024"
    assert words[words.index("-smp") + 1] == "2"
    assert f"virtio-net-pci,id=card1,netdev=net1,mac={CARD}" in words
    given = [word for word in words if word.startswith("name=opt/io.systemd.credentials/")]
    assert len(given) == len(virtual.credentials(apollo))
    secret = ssh.host_key("apollo").read_text().splitlines()[1]
    assert not any(secret in word for word in words), "whoever may list processes would read it"


def test_packages_are_those_of_the_roles() -> None:
    packages = virtual_image.packages()
    assert {"dovecot-core", "postfix", "lvm2", "linux-image-amd64"} <= set(packages)
    assert not [name for name in packages if "{" in name or " " in name]
    assert "postfix postfix/main_mailer_type select No configuration" in virtual_image._of_roles("debconf")


class Qemu(threading.Thread):
    """Speak qemu's machine protocol: a greeting, then an event before each answer."""

    def __init__(self, path: Path) -> None:
        """path: of the socket."""
        super().__init__(daemon=True)
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(path))
        self.door.listen()
        self.asked: list[str] = []

    def run(self) -> None:
        """Answer whoever comes."""
        while True:
            line, _ = self.door.accept()
            with line, line.makefile("rw") as talk:
                self._say(talk, {"QMP": {}})
                for text in talk:
                    command = json.loads(text)["execute"]
                    self.asked.append(command)
                    self._say(talk, {"event": "NIC_RX_FILTER_CHANGED"})
                    self._say(talk, {"error": {"desc": "no such"}} if command == "nonsense" else {"return": {"did": command}})

    @staticmethod
    def _say(talk: object, what: object) -> None:
        print(json.dumps(what), file=talk, flush=True)  # type: ignore[call-overload]


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    """Return somebody who answers as qemu does."""
    monkeypatch.setattr(hypervisor, "CONTROL", str(tmp_path / "control"))
    answering = Qemu(tmp_path / "control")
    answering.start()
    return answering


def test_answers_are_told_from_events(qemu: Qemu) -> None:
    assert hypervisor.ask("query-status") == {"did": "query-status"}
    assert qemu.asked == ["qmp_capabilities", "query-status"]
    with pytest.raises(ValueError, match="no such"):
        hypervisor.ask("nonsense")


def test_a_signal_presses_the_power_button_until_the_machine_is_off(qemu: Qemu, tmp_path: Path) -> None:
    program = f"import sys\nfrom frontdoor import hypervisor\nhypervisor.CONTROL = {hypervisor.CONTROL!r}\nhypervisor.AGAIN = 0.2\n"
    program += "sys.exit(hypervisor.run(sys.argv[1:]))"
    on, off = tmp_path / "on", tmp_path / "off"
    guest = f"touch {on}; while [ ! -e {off} ]; do sleep 0.05; done; exit 7"
    with subprocess.Popen([sys.executable, "-c", program, "sh", "-c", guest], cwd=paths.CHECKOUT) as machine:
        end = time.monotonic() + 20
        while not on.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        machine.send_signal(signal.SIGTERM)
        while qemu.asked.count("system_powerdown") < 2:  # it listens only after some seconds of booting
            assert time.monotonic() < end
            assert machine.poll() is None
            time.sleep(0.05)
        off.touch()
        assert machine.wait(timeout=10) == 7


def test_a_machine_whose_qemu_does_not_answer_ends_with_it(tmp_path: Path) -> None:
    program = f"import sys\nfrom frontdoor import hypervisor\nhypervisor.CONTROL = {str(tmp_path / 'nobody')!r}\n"
    program += "sys.exit(hypervisor.run(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, "sh", "-c", "kill $PPID; exit 3"], cwd=paths.CHECKOUT, timeout=20, check=False)
    assert done.returncode == 3


@pytest.mark.parametrize(("assertions", "status", "starts"), [(2, 7, 3), (9, 250, 4)])
def test_a_qemu_that_ends_by_an_assertion_is_a_reset_but_not_for_ever(tmp_path: Path, assertions: int, status: int, starts: int) -> None:
    program = "import sys\nfrom frontdoor import hypervisor\nsys.exit(hypervisor.run(sys.argv[1:]))"
    started = tmp_path / "started"
    guest = f"ulimit -c 0; echo >>{started}; [ $(wc -l <{started}) -gt {assertions} ] || kill -ABRT $$; exit 7"
    done = subprocess.run([sys.executable, "-c", program, "sh", "-c", guest], cwd=paths.CHECKOUT, timeout=20, check=False)
    assert (done.returncode, started.read_text().count("\n")) == (status, starts)


def test_the_lab_that_is_up_is_known_by_its_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    monkeypatch.setattr(paths, "SSH_CONFIG", config)
    assert standing.inventory() == paths.INVENTORY, "nothing is up"
    for folder in (paths.INVENTORY, paths.STORAGE_INVENTORY, paths.CHECKOUT / "molecule/storage/inventory"):
        hosts = Landscape(folder).hosts
        every = " ".join(f"{name} 192.0.2.1" for name in hosts)
        config.write_text(f"Host {every}\n  User root\n" + "".join(f"\nHost {name} 192.0.2.1\n  HostName x\n" for name in hosts))
        assert standing.inventory() == folder


def test_a_failover_of_a_lab_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {children: {shelf: {hosts: {san1: }}, mailstore: {hosts: {apollo: }}}}\n")
    note = tmp_path / "host_vars" / "apollo" / "stand_in.yml"
    note.parent.mkdir(parents=True)
    note.write_text("stand_in: artemis\n")
    assert standing.forget_stand_ins(tmp_path, {"san1", "artemis"}) == []
    assert note.exists(), "its disks are there, and somebody else has them"
    assert standing.forget_stand_ins(tmp_path, {"hermes"}) == ["apollo is at home again: the lab in which it was elsewhere is gone."]
    assert not note.exists()


def test_an_inventory_that_shares_folders_by_links_says_what_is_in_them() -> None:
    for folder in (paths.INVENTORY, paths.STORAGE_INVENTORY, paths.CHECKOUT / "molecule/storage/inventory"):
        assert Landscape(folder).everywhere("cluster_storage_mtu") == 9000, folder


def test_which_machines_are_virtual() -> None:
    assert Landscape(paths.INVENTORY).virtual == []
    assert Landscape(paths.STORAGE_INVENTORY).virtual == ["apollo", "artemis"]
    assert Landscape(paths.CHECKOUT / "molecule/storage/inventory").virtual == ["apollo"]


def test_a_machine_whose_making_was_interrupted_is_made_anew(
    apollo: inventory.Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def podman(*words: str, **_options: bool) -> subprocess.CompletedProcess[str]:
        asked.append(words[0])
        return subprocess.CompletedProcess(words, 0, f"{tmp_path / 'root'}\n", "")

    monkeypatch.setattr(engine, "podman", podman)
    source = tmp_path / "image"
    source.mkdir()
    for file in ("vmlinuz", "initrd.img", "disk.img"):
        (source / file).write_text(file)
    (tmp_path / "root").mkdir()
    known = {"apollo": {"State": "created"}}
    assert machines._unfinished([apollo], known) == ["apollo"]
    assert asked == ["mount", "unmount"]
    virtual._furnish(apollo, tmp_path / "root", source)
    assert machines._unfinished([apollo], known) == []
    (tmp_path / "root" / virtual._PROGRAM).unlink()
    assert machines._unfinished([apollo], {"apollo": {"State": "running"}}) == [], "one that runs is not looked at"


@pytest.mark.parametrize(("refusals", "resets"), [(["", ""], []), (["No route to host", ""], ["system_reset"])])
def test_a_boot_that_hangs_is_reset_once(monkeypatch: pytest.MonkeyPatch, refusals: list[str], resets: list[str]) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ssh, "refusal", lambda *_words: refusals.pop(0))
    monkeypatch.setattr(ssh, "command", lambda *_words, **_options: ["true"])
    monkeypatch.setattr(virtual, "ask", lambda _name, command, _arguments: asked.append(command))
    virtual.await_boot("apollo")
    assert asked == resets


def test_a_lab_that_is_up_has_memory_left_for_its_virtual_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    monkeypatch.setattr(network, "bridges", lambda: ["posthouse0"])
    monkeypatch.setattr(checks, "memory_available", lambda: 2 * checks.GIGABYTE)
    with pytest.raises(Refused, match=r"needs 3\.0 GB of free memory"):
        checks.requirements("http://mirror.example.org/debian", 2)


def test_a_disk_that_cannot_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match=r"mke2fs .* failed with status"):
        virtual_image._file_system(tmp_path / "nowhere", tmp_path / "disk.img")
    monkeypatch.setattr(subprocess, "run", mke2fs_is_missing)
    with pytest.raises(Refused, match="mke2fs is missing"):
        virtual_image._file_system(tmp_path, tmp_path / "disk.img")


def mke2fs_is_missing(*_words: object, **_options: object) -> None:
    raise FileNotFoundError


def test_what_builds_beside_the_lab_is_no_machine_of_another() -> None:
    known = {name: {"Labels": None} for name in (*virtual_image.BUILDERS, "depot", "atlas")}
    assert machines._unwanted(known, []) == ["atlas"]
