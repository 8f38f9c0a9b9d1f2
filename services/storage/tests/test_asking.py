"""Frames with which shelves are asked, and their answers."""

from __future__ import annotations

import struct

import pytest

from services.storage.storage.asking import answered, question

CARD = bytes.fromhex("025300000018")
SHELF = bytes.fromhex("025300000047")


def answer(frame: bytes, flags: int = 0x18, error: int = 0) -> bytes:
    return CARD + SHELF + frame[12:14] + bytes([flags, error]) + frame[16:]


def test_a_question_is_a_configuration_query_to_everybody() -> None:
    frame = question(CARD, "1.2", 0x80001234)
    assert len(frame) == 60
    assert frame[:6] == b"\xff" * 6
    assert struct.unpack("!6sHBBHBBI", frame[6:24]) == (CARD, 0x88A2, 0x10, 0, 1, 2, 1, 0x80001234)


def test_an_answer_is_one_to_this_question_and_nothing_else() -> None:
    frame = question(CARD, "1.2", 0x80001234)
    assert answered(answer(frame), 0x80001234) == "1.2"
    for other in (frame, answer(frame, error=2), answer(frame)[:20], answer(frame).replace(b"\x88\xa2", b"\x08\x00"), b""):
        assert answered(other, 0x80001234) is None
    assert answered(answer(frame), 0x80001235) is None


@pytest.mark.parametrize("command", [0, 2, 3])
def test_answers_to_other_commands_are_the_kernels(command: int) -> None:
    frame = bytearray(answer(question(CARD, "1.2", 7)))
    frame[19] = command
    assert answered(bytes(frame), 7) is None
