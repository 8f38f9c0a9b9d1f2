"""What the shelf's command decides and does, on files of a temporary folder."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from services.shelf.shelf import command, luns, network
from services.shelf.shelf.report import report
from services.shelf.shelf.settings import Lun, Settings, in_bytes


def configuration(folder: Path, size: str = "1m", extra: str = "") -> Path:
    (folder / "state").mkdir(exist_ok=True)
    file = folder / "shelf.toml"
    file.write_text(
        f'interface = "aoe0"\nmtu = 9000\nowner = "{getpass.getuser()}"\nstate = "{folder}/state"\n{extra}'
        f'[[luns]]\naddress = "1.0"\npath = "{folder}/luns/1.0"\nsize = "{size}"\nmachines = ["apollo"]\n'
    )
    return file


def run(file: Path, *words: str) -> int:
    return command.main(["--config", str(file), *words])


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("600m", 600 << 20), ("20G", 20 << 30), ("4k", 4096)])
def test_sizes_are_written_as_people_write_them(text: str, size: int) -> None:
    assert in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1g", "1.5g", "20gb", "100"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        in_bytes(text)


def test_a_file_is_made_sparse_then_grown_and_never_shrunk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lun = tmp_path / "luns" / "1.0"
    assert run(configuration(tmp_path), "make", "--check") == 0
    assert not lun.exists()
    assert run(configuration(tmp_path), "make") == 0
    assert "is made, 1048576 bytes" in capsys.readouterr().out
    assert (lun.stat().st_size, lun.stat().st_blocks, lun.stat().st_mode & 0o777) == (1 << 20, 0, 0o600)
    lun.write_bytes(b"mail" + lun.read_bytes()[4:])
    assert run(configuration(tmp_path, "2m"), "make") == 0
    assert "grows from 1048576 to 2097152" in capsys.readouterr().out
    assert lun.stat().st_size == 2 << 20
    assert lun.read_bytes()[:4] == b"mail"
    assert run(configuration(tmp_path, "1m"), "make") == 0
    assert capsys.readouterr().out == ""
    assert lun.stat().st_size == 2 << 20


def test_a_file_that_was_there_before_is_not_made_a_second_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk under it is not mounted: an empty LUN in its place would look to apollo as if all mail were gone."""
    file = configuration(tmp_path)
    assert run(file, "make") == 0
    (tmp_path / "luns" / "1.0").unlink()
    assert run(file, "make") == 1
    assert "is its disk mounted?" in capsys.readouterr().err
    assert not (tmp_path / "luns" / "1.0").exists()
    (tmp_path / "state" / "1.0.made").unlink()
    assert run(file, "make") == 0


def test_one_lun_that_is_refused_keeps_all_others_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configuration(tmp_path)
    file.write_text(file.read_text() + f'[[luns]]\naddress = "1.1"\npath = "/dev/no-{tmp_path.name}"\n')
    assert run(file, "make") == 1
    assert "is the disk in, is the volume active?" in capsys.readouterr().err
    assert not (tmp_path / "luns").exists()


def test_two_names_of_one_disk_are_one_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configuration(tmp_path)
    assert run(file, "make") == 0
    before = file.read_text()
    (tmp_path / "link").symlink_to(tmp_path / "luns")
    for path in (f"{tmp_path}//luns/1.0", f"{tmp_path}/link/1.0"):
        file.write_text(before + f'[[luns]]\naddress = "1.1"\npath = "{path}"\nsize = "1m"\n')
        assert run(file, "make") == 1
        assert f"LUN 1.1: {path} is the disk of LUN 1.0" in capsys.readouterr().err


def test_who_has_a_lun_is_remembered_past_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover this is what keeps an old inventory from giving the LUN back."""
    file = configuration(tmp_path)
    with_cards = file.read_text() + 'cards = ["02:00:00:00:00:18"]\n'
    file.write_text(with_cards)
    assert run(file, "make") == 0
    synced: list[str] = []

    def lost(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        raise OSError("the power is gone")

    monkeypatch.setattr("os.fsync", lost)
    file.write_text(with_cards.replace(":18", ":19"))
    with pytest.raises(OSError, match="the power is gone"):
        run(file, "make")
    assert synced == [".1.0.made.new"]
    assert (tmp_path / "state" / "1.0.made").read_text() == "02:00:00:00:00:18\n"


def test_a_device_that_is_no_disk_is_refused() -> None:
    settings = Settings("aoe0", 9000, luns=[Lun("1.0", "/dev/null")])
    with pytest.raises(luns.RefusedError, match="no disk and no volume"):
        luns.plan(settings)


def test_a_lun_is_not_taken_from_one_card_and_given_to_another_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An inventory from before a failover would cut off who writes, and let in the dead machine's last writes."""

    def cards(*those: str) -> Path:
        file = configuration(tmp_path)
        file.write_text(file.read_text() + f"cards = {json.dumps(those)}\n")
        return file

    assert run(cards("02:00:00:00:00:18"), "make") == 0
    assert run(cards("02:00:00:00:00:19"), "check") == 1
    assert "LUN 1.0 is exported to 02:00:00:00:00:18 and would be given to 02:00:00:00:00:19" in capsys.readouterr().err
    assert run(cards("02:00:00:00:00:19"), "check", "--hands-over=1.0") == 0
    for harmless in ((), ("02:00:00:00:00:18",), ("02:00:00:00:00:18", "02:00:00:00:00:19")):
        assert run(cards(*harmless), "check") == 0
    assert run(cards("02:00:00:00:00:19"), "make") == 0
    assert run(cards("02:00:00:00:00:18"), "check") == 1


def test_who_hands_one_lun_over_hands_over_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failover of one mailstore, by an inventory that is older than the last one of another."""
    file = configuration(tmp_path)
    both = file.read_text() + 'cards = ["02:00:00:00:00:18"]\n'
    both += f'[[luns]]\naddress = "1.1"\npath = "{tmp_path}/luns/1.1"\nsize = "1m"\ncards = ["02:00:00:00:00:20"]\n'
    file.write_text(both)
    assert run(file, "make") == 0
    file.write_text(both.replace(":18", ":19").replace(":20", ":21"))
    assert run(file, "check", "--hands-over=1.0") == 1
    said = capsys.readouterr().err
    assert "LUN 1.1 is exported to" in said
    assert "-e shelf_hands_over=1.1" in said
    assert "LUN 1.0" not in said
    assert run(file, "check", "--hands-over=1.0,1.1") == 0
    assert run(file, "check", "--hands-over=1.0,1.1,true") == 1
    assert "LUN true is to be handed over, and this shelf has none of that address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [(('size = "1m"', ""), "needs a size"), (("mtu = 9000", "mtu = 90"), "mtu is"), (('"1m"', '"1x"'), "is no size")],
)
def test_mistakes_in_the_configuration_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], words: str
) -> None:
    file = configuration(tmp_path)
    file.write_text(file.read_text().replace(*change))
    assert run(file, "check") == 2
    assert words in capsys.readouterr().err


def test_status_says_what_nobody_can_reach_and_what_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(configuration(tmp_path).rename(tmp_path / "c"), "status", "--json") == 1
    levels = {one["about"]: (one["level"], one["says"]) for one in json.loads(capsys.readouterr().out)["findings"]}
    assert levels["interface"][0] == "critical"
    assert levels["1.0"][0] == "critical"
    assert "LUN 1.0, of apollo, cannot be read" in levels["1.0"][1]


def card(root: Path, name: str, address: str) -> None:
    (root / "sys/class/net" / name).mkdir(parents=True)
    (root / "sys/class/net" / name / "address").write_text(f"{address}\n")


def test_the_card_is_found_by_its_address_whatever_its_name(tmp_path: Path) -> None:
    settings = Settings("aoe0", 9000, "02:53:00:00:00:47", 100, "openvswitch")
    card(tmp_path, "eth0", "02:00:00:00:00:01")
    with pytest.raises(network.NetworkError, match="no interface has it"):
        network.card(settings, tmp_path)
    card(tmp_path, "eth7", "02:53:00:00:00:47")
    # What lies on top of it has the same address.
    card(tmp_path, "aoe0", "02:53:00:00:00:47")
    assert network.card(settings, tmp_path) == "eth7"
    card(tmp_path, "eth8", "02:53:00:00:00:47")
    with pytest.raises(network.NetworkError, match="eth7, eth8"):
        network.card(settings, tmp_path)


@pytest.mark.parametrize(
    ("cable", "mtu", "level", "words"),
    [
        ("1", "9000", "fine", "packets of 9000"),
        ("0", "9000", "critical", "has no cable"),
        ("1", "1500", "critical", "1500 bytes, not 9000"),
    ],
)
def test_the_interface_is_well_when_its_card_is(tmp_path: Path, cable: str, mtu: str, level: str, words: str) -> None:
    for name, carrier in (("eth1", cable), ("aoe0", "1")):
        card(tmp_path, name, "02:53:00:00:00:47")
        (tmp_path / "sys/class/net" / name / "carrier").write_text(f"{carrier}\n")
        (tmp_path / "sys/class/net" / name / "mtu").write_text(f"{mtu}\n")
    (found,) = report(Settings("aoe0", 9000, "02:53:00:00:00:47"), tmp_path)["findings"]
    assert (found["level"], words in found["says"]) == (level, True), found


def test_the_switch_tags_what_leaves_by_the_card() -> None:
    words = " ".join(network.switch(Settings("aoe0", 9000, "02:53:00:00:00:47", 100, "openvswitch"), "eth1", ["eth1", "eth0", "aoe0"]))
    assert "datapath_type=netdev" in words
    assert "set port eth1 trunks=100 vlan_mode=trunk" in words
    assert "set port aoe0 tag=100" in words
    assert "mtu_request=9000" in words
    # A card that was changed must not stay a door to the disks.
    assert "--if-exists del-port posthouse-aoe eth0" in words
    untagged = " ".join(network.switch(Settings("aoe0", 9000, "02:53:00:00:00:47", 0, "openvswitch"), "eth1", []))
    assert "tag=" not in untagged
