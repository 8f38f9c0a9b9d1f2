"""What bench/mail makes of its measurements."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bench.mail.clients import crowd, fate
from bench.mail.report import Row, as_json, as_table

ROWS = [Row("delivery", 500, 2.0, {"Debian's defaults": 5.0, "a floor": 1.0}, "remark"), Row("alone", 10, 1.0)]


def test_the_object_has_walls_ratios_and_the_machine() -> None:
    said = json.loads(as_json(ROWS))
    assert set(said) == {"walls", "ratios", "machine"}
    assert said["walls"] == {"delivery": 2.0, "delivery: Debian's defaults": 5.0, "delivery: a floor": 1.0, "alone": 1.0}
    assert said["ratios"] == {"delivery: Debian's defaults": 2.5, "delivery: a floor": 0.5}
    assert said["machine"]["processors"] >= 1


def test_the_table_tells_a_second() -> None:
    table = as_table(ROWS).splitlines()
    assert table[1].split() == ["delivery", "500", "2.00", "250.0", "remark"]
    assert table[2].split() == ["Debian's", "defaults", "500", "5.00", "100.0", "2.50"]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("250 2.0.0 Ok: queued as 1", "served"),
        ("421 4.3.2 All screening ports are busy", "busy"),
        ("550 5.7.1 Service unavailable", "refused"),
        ("521 5.5.1 Protocol error", "refused"),
        ("450 4.3.2 Service currently unavailable", "else"),
        ("", "else"),
        ("ConnectionRefusedError", "else"),
    ],
)
def test_what_became_of_a_client(said: str, wanted: str) -> None:
    assert fate(said) == wanted


async def _server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet after a while; refuse whoever speaks before, and whoever comes from 127.0.0.66."""
    bad = writer.get_extra_info("peername")[0] == "127.0.0.66"
    try:
        await asyncio.wait_for(reader.readline(), 0.1)
        writer.write(b"521 early\r\n")
        writer.close()
    except TimeoutError:
        writer.write(b"220-wait\r\n220 now\r\n")
        replies = [b"250 ok", b"250 ok", b"550 listed" if bad else b"250 ok", b"354 go on", b"250 taken"]
        for reply in replies:
            await reader.readline() if reply != b"250 taken" else await reader.readuntil(b"\r\n.\r\n")
            writer.write(reply + b"\r\n")


@pytest.mark.parametrize(("early", "words"), [(False, "550 listed"), (True, "521 early")])
def test_good_and_bad_clients_are_told_apart(early: bool, words: str) -> None:
    async def run() -> dict[str, Any]:
        server = await asyncio.start_server(_server, "127.0.0.1", 0)
        given = {"server": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "recipient": "somebody@test", "seconds": 0.3}
        async with server:
            return await crowd(
                {**given, "rate": 40.0, "good_rate": 20.0, "bad": ["127.0.0.66"], "good": ["127.0.0.7", "127.0.0.8"], "early": early}
            )

    seen = asyncio.run(run())
    assert set(seen["bad"]) == {"refused"}
    assert set(seen["good"]) == {"served"}
    assert seen["words"][words] == seen["bad"]["refused"] > 0
