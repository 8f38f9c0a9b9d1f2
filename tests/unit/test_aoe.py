"""ATA over Ethernet as an initiator asks: frames, who answers, full-size packets there and back, and the sentences about what is wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from module_utils.aoe import frames, interface, judge, kernel, survey
from module_utils.aoe.frames import Config, Frame, Identity, Slot

OWN = bytes.fromhex("025300000018")
SHELF = bytes.fromhex("025300000047")
OTHER = bytes.fromhex("025300000048")
LUN = Slot(1, 0)


def identity(serial: str, sectors: int) -> bytes:
    """What a disk answers to IDENTIFY DEVICE: words of little end, letters swapped in each."""
    data = bytearray(512)

    def letters(word: int, text: str, length: int) -> None:
        padded = text.ljust(length).encode()
        data[word * 2 : word * 2 + length] = b"".join(padded[i : i + 2][::-1] for i in range(0, length, 2))

    letters(10, serial, 20)
    letters(27, "Coraid EtherDrive vblade", 40)
    struct.pack_into("<H", data, 83 * 2, 1 << 10)
    struct.pack_into("<Q", data, 200, sectors)
    return bytes(data)


class Shelf:
    """A shelf behind a wire. reaches: largest packet that gets there; returns: largest that comes back."""

    def __init__(self, slots: tuple[Slot, ...] = (LUN,), *, reaches: int = 9000, returns: int = 9000, sectors: int = 17, own: int = 9000):
        self.address = OWN
        self.slots, self.reaches, self.returns, self.sectors, self.own = slots, reaches, returns, sectors, own
        self.answer: list[bytes] = []
        self.tag = 0x80000000
        self.port = SHELF

    def next_tag(self) -> int:
        self.tag += 1
        return self.tag

    def send(self, frame: bytes) -> str:
        packet = len(frame) - 14
        if packet > self.own:
            return "Message too long"
        _, source, kind, flags, _, shelf, slot, command, tag = struct.unpack_from("!6s6sHBBHBBI", frame)
        assert (source, kind, flags) == (OWN, 0x88A2, 0x10)
        asked = [one for one in self.slots if shelf in (one.shelf, 0xFFFF) and slot in (one.slot, 0xFF)]
        if packet <= self.reaches:
            self.answer = [made for one in asked for made in [self.made(one, command, tag, frame[24:])] if len(made) - 14 <= self.returns]
        return ""

    def made(self, slot: Slot, command: int, tag: int, body: bytes) -> bytes:
        head = struct.pack("!6s6sHBBHBBI", OWN, self.port, 0x88A2, 0x18, 0, slot.shelf, slot.slot, command, tag)
        if command == 1:
            return head + struct.pack("!HHBBH", 16, 0x4019, self.sectors, 0x10, 4) + b"home" + bytes(1000)
        count, ata = body[2], body[3]
        data = identity("1.0:san1", 2048) if ata == 0xEC else bytes(512 * count)
        return head + bytes([0, 0, count, 0x40]) + bytes(8) + data

    def answers(self, tag: int, _seconds: float) -> Iterator[Frame]:
        given, self.answer = self.answer, []
        for raw in given:
            frame = frames.parse(raw)
            assert frame
            assert frame.tag == tag
            yield frame


def port(shelf: Shelf) -> Config:
    return survey.look(shelf, [LUN], 0).ports(LUN)[0]


def test_a_slot_is_written_as_people_write_it() -> None:
    assert str(Slot.of("12.3")) == "12.3"
    for text in ("1", "1.255", "65535.0", "e1.0", "1.0.0", ""):
        with pytest.raises(ValueError, match="is no AoE device: shelf, dot, slot"):
            Slot.of(text)


def test_who_answers_says_what_it_takes() -> None:
    shelf = Shelf((LUN, Slot(1, 1)))
    found = survey.look(shelf, [], 0)
    assert [str(slot) for slot in sorted(found.configs)] == ["1.0", "1.1"]
    assert found.ports(LUN) == [Config("02:53:00:00:00:47", LUN, 16, 0x4019, 17, "home")]
    assert survey.who(shelf, port(shelf)) == Identity("Coraid EtherDrive vblade", "1.0:san1", 1 << 20)


def test_a_second_shelf_of_the_same_number_is_heard_though_all_have_answered() -> None:
    class Two(Shelf):
        def answers(self, tag: int, _seconds: float) -> Iterator[Frame]:
            """Give one answer at a time, as they come."""
            while self.answer:
                answer = frames.parse(self.answer.pop(0))
                assert answer
                assert answer.tag == tag
                yield answer

        def send(self, frame: bytes) -> str:
            super().send(frame)
            for self.port in (OTHER, SHELF):
                self.answer.append(self.made(LUN, 1, self.tag, b""))
            return ""

    ports = survey.look(Two(), [LUN], 0).ports(LUN)
    assert [port.source for port in ports] == [SHELF.hex(":"), OTHER.hex(":")]


def test_what_is_no_answer_is_passed_over() -> None:
    question = frames.config_query(OWN, LUN, 7)
    assert frames.parse(question) is None
    assert frames.parse(question[:20]) is None
    assert len(question) == 60, "Ethernet has no shorter ones"
    assert len(frames.config_query(OWN, LUN, 7, 9000)) == 9014
    assert frames.config_of(Frame("a", LUN, 0, 1, 0, bytes(40))) is None
    assert frames.ata_data(Frame("a", LUN, 0, 1, 0, bytes([0, 4, 1, 0x41]) + bytes(520)), 512) is None, "the disk reported an error"
    assert frames.identity_of(Frame("a", LUN, 0, 1, 0, bytes(100))) is None


def test_full_size_packets_go_both_ways() -> None:
    shelf = Shelf()
    assert survey.full_size(shelf, port(shelf), 9000) == ""
    assert frames.most_sectors(9000) == 17
    assert frames.most_sectors(1500) == 2


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"sectors": 2}, "1.0 takes 1024 bytes a frame, and packets of 9000 bytes carry 8704"),
        ({"own": 1500}, "a packet of 9000 bytes was not sent (Message too long)"),
        ({"reaches": 8000}, "a packet of 9000 bytes does not reach 1.0 at 02:53:00:00:00:47, small ones do"),
        ({"returns": 8000}, "gets packets of 9000 bytes, but its own do not come back"),
    ],
)
def test_where_full_size_packets_end_is_said(limits: dict[str, int], sentence: str) -> None:
    shelf = Shelf(**limits)  # type: ignore[arg-type]  # numbers by name
    assert sentence in survey.full_size(shelf, port(shelf), 9000)


def test_what_is_missing_is_told_with_what_is_there() -> None:
    nothing = judge.missing([LUN], survey.Found(), "02:53:00:00:00:18", "aoe0")[0]
    assert "AoE device 1.0 does not answer on aoe0, nor does any other" in nothing
    assert "02:53:00:00:00:18 among those it lets in" in nothing
    other = survey.look(Shelf((Slot(2, 0), Slot(2, 1))), [], 0)
    assert "no shelf 1 is there; there are 2.0, 2.1" in judge.missing([LUN], other, "own", "aoe0")[0]
    sibling = survey.look(Shelf((Slot(1, 1),)), [], 0)
    assert "of shelf 1 there are 1.1: is the LUN exported" in judge.missing([LUN], sibling, "own", "aoe0")[0]
    assert judge.missing([Slot(1, 1)], sibling, "own", "aoe0") == []


def test_two_shelves_of_one_number_are_not_two_paths() -> None:
    one, other = Identity("vblade", "1.0:san1", 1 << 20), Identity("vblade", "1.0:san2", 1 << 20)
    assert judge.claimed_twice(LUN, {"a": one, "b": one}) == ""
    assert "two devices call themselves 1.0: a (1.0:san1, 1048576 bytes); b (1.0:san2, 1048576 bytes)" in judge.claimed_twice(
        LUN, {"a": one, "b": other}
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    card = tmp_path / "sys/class/net/aoe0"
    card.mkdir(parents=True)
    (card / "mtu").write_text("9000\n")
    (card / "carrier").write_text("1\n")
    (card / "address").write_text("02:53:00:00:00:18\n")
    vlan = tmp_path / "proc/net/vlan"
    vlan.mkdir(parents=True)
    (vlan / "aoe0").write_text("aoe0  VID: 100\t REORDER_HDR: 1  dev->priv_flags: 1\n")
    return tmp_path


def test_an_interface_as_promised(root: Path) -> None:
    assert interface.problem("aoe0", 9000, 100, root) == ""
    assert interface.own_address("aoe0", root) == "02:53:00:00:00:18"


def test_what_is_wrong_with_an_interface(root: Path) -> None:
    card = root / "sys/class/net/aoe0"
    assert "puts the tag 100 on its frames, and the inventory says the tag 200" in interface.problem("aoe0", 9000, 200, root)
    assert "and the inventory says none" in interface.problem("aoe0", 9000, 0, root)
    (card / "carrier").write_text("0\n")
    assert "no carrier: is the cable in" in interface.problem("aoe0", 9000, 100, root)
    (card / "mtu").write_text("1500\n")
    assert "an MTU of 1500, and 9000 is asked for" in interface.problem("aoe0", 9000, 100, root)
    assert "there is no interface aoe1" in interface.problem("aoe1", 9000, 100, root)


def test_the_driver_is_read_and_told(root: Path) -> None:
    assert kernel.state(LUN, root) is None
    folder = root / "sys/block/etherd!e1.0"
    folder.mkdir(parents=True)
    for name, text in {"size": "2048", "state": "up", "netif": "aoe0", "payload": "8704"}.items():
        (folder / name).write_text(f"{text}\n")
    assert kernel.state(LUN, root) == kernel.Kernel("up", 1 << 20, "aoe0", 8704)
    control = root / "dev/etherd"
    control.mkdir(parents=True)
    assert not kernel.ready(LUN, root)
    (control / "e1.0").touch()
    assert kernel.ready(LUN, root)
    assert kernel.wait([LUN, Slot(1, 9)], "aoe0", 0, root) == [Slot(1, 9)]
    assert (control / "interfaces").read_text() == "aoe0"
    assert not kernel.wait_for_size(LUN, 1 << 21, 0, root)
    assert (control / "revalidate").read_text() == "e1.0"
