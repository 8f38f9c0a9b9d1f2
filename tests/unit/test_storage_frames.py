"""Frames of ATA over Ethernet, as the tests of storage read them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from tests.storage.frames import parse, retagged, seen_on

THERE, HERE = "02:50:0a:8f:00:47", "02:50:0a:8f:00:18"


def frame(vlan: int | None = 100, flags: int = 0x10, command: int = 0, body: bytes = b"", protocol: int = 0x88A2) -> bytes:
    """Write a frame of a machine to its shelf, LUN 7.3."""
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, 0x6000 | vlan)
    head = bytes.fromhex((THERE + HERE).replace(":", ""))
    return head + tag + struct.pack("!HBBHBBI", protocol, flags, 0x05, 7, 3, command, 0xCAFE) + body


def ata(sectors: int, write: bool) -> bytes:
    return struct.pack("!BBBB6s2x", 0x40 | write, 0, sectors, 0x34 if write else 0x24, b"\x01") + bytes(512 * sectors)


def test_a_tagged_write_with_jumbo_data() -> None:
    read = parse(frame(body=ata(17, write=True)))
    assert read is not None
    assert (read.vlan, read.target, read.write, read.data, read.response, read.error) == (100, "7.3", True, 8704, False, 0)
    assert (read.source, read.destination) == (HERE, THERE)


def test_an_answer_without_a_tag_is_told_from_one_with() -> None:
    read = parse(frame(vlan=None, flags=0x18, body=ata(2, write=False)))
    assert read is not None
    assert (read.vlan, read.response, read.write, read.data) == (None, True, False, 1024)


def test_an_error_says_its_number() -> None:
    read = parse(frame(flags=0x1C))
    assert read is not None
    assert read.error == 5


def test_padding_is_no_data() -> None:
    read = parse(frame(body=ata(0, write=False) + bytes(20)))
    assert read is not None
    assert read.data == 0


@pytest.mark.parametrize("raw", [b"", frame()[:17], frame()[:25], frame(protocol=0x0800), frame(vlan=None, protocol=0x0806)])
def test_what_is_no_aoe_is_left_out(raw: bytes) -> None:
    assert parse(raw) is None


@pytest.mark.parametrize(
    ("auxiliary", "vlan"),
    [
        (struct.pack("=IIIHHHH", 0x51, 60, 60, 0, 14, 0x6064, 0x8100), 100),
        (struct.pack("=IIIHHHH", 0x01, 60, 60, 0, 14, 0, 0), None),
        (b"", None),
    ],
)
def test_the_tag_that_the_kernel_took_out_is_put_back(auxiliary: bytes, vlan: int | None) -> None:
    read = parse(retagged(frame(vlan=None, body=ata(1, write=True)), auxiliary))
    assert read is not None
    assert read.vlan == vlan


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Have a cable between two interfaces of this host."""
    ends = ("phtest-a", "phtest-b")
    subprocess.run(["ip", "link", "add", ends[0], "mtu", "9004", "type", "veth", "peer", "name", ends[1], "mtu", "9004"], check=True)
    try:
        for end in ends:
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        yield ends
    finally:
        subprocess.run(["ip", "link", "delete", ends[0]], check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="a cable is made by root, as whom the front door runs")
def test_what_passes_a_real_interface_is_seen_with_its_tag(cable: tuple[str, str]) -> None:
    with seen_on(cable[1]) as frames, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((cable[0], 0))
        for vlan in (100, None, 101):
            sender.send(frame(vlan=vlan, body=ata(17, write=True)))
    assert [(one.vlan, one.data) for one in frames] == [(100, 8704), (None, 8704), (101, 8704)]
