"""What bench/fates measures with: the same log each time, and two programs that find in it what it holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.fates import week
from bench.fates.__main__ import FATES, GREP, PEER, BenchError, Run, check, programs, table

SHARE = 0.0005


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("week") / "log"
    return path, week.write(path, SHARE)


def test_the_talks_numbers_add_up() -> None:
    assert sum(week.TALK.values()) == 2_062_591


def test_the_log_is_the_same_each_time_and_keeps_the_proportions(log: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    path, held = log
    again = tmp_path / "again"
    assert week.write(again, SHARE) == held
    assert again.read_bytes() == path.read_bytes()
    assert {fate: round(count * SHARE) or 1 for fate, count in week.TALK.items()} == held
    times = [line[:19] for line in path.read_text().splitlines()]
    assert times == sorted(times)


def test_fates_and_its_peer_find_what_the_log_holds(log: tuple[Path, dict[str, int]]) -> None:
    path, held = log
    found = {}
    for name, command in programs(path).items():
        done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[2])
        found[name] = Run(1.0, 1.0, 1.0, done.stdout)
    assert set(found) >= {FATES, PEER, GREP}
    check(found[FATES], found[PEER], held)
    with pytest.raises(BenchError, match="the log holds"):
        check(found[FATES], found[PEER], {**held, "OK": 0})
    other = json.loads(found[PEER].output) | {"accepted": 1}
    with pytest.raises(BenchError, match="its peer"):
        check(found[FATES], Run(1.0, 1.0, 1.0, json.dumps(other).encode()), held)


def test_the_bench_prints_one_object_and_a_table() -> None:
    command = [sys.executable, "-m", "bench.fates", "--json", "--share", str(SHARE), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    found = json.loads(done.stdout)
    assert set(found) >= {"walls", "ratios", "machine"}
    assert set(found["walls"]) - {"pflogsumm"} == {FATES, PEER, GREP}
    assert found["log"]["fates"] == round(sum(week.TALK.values()) * SHARE) or found["log"]["fates"] > 1000
    assert FATES in table(found)
