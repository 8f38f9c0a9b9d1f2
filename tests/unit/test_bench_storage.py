"""What bench/storage makes, and makes of its measurements."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench.storage import __main__ as bench
from bench.storage.cases import BASE, LOCAL, OPTIONS, OURS, PARTS, SYNCED, Case
from bench.storage.ground import MEGABYTES


def test_a_case_is_made_and_mounted_with_its_options() -> None:
    case = Case("x", SYNCED, make=("-i", "size=1024"), mount=("logbsize=256k",))
    assert case.commands("/dev/g/mail", "/srv/here") == (
        "mkfs.xfs -qf -i size=1024 /dev/g/mail && mount -t xfs -o noatime,logbsize=256k /dev/g/mail /srv/here"
    )


def test_times_of_access_are_kept_where_that_is_the_case() -> None:
    case = next(case for case in OPTIONS if "relatime" in case.mount)
    assert "noatime" not in case.commands("/dev/g/mail", "/srv/here"), "mount(8) would keep noatime, and nothing be compared"


def test_no_case_is_refused_by_mkfs_xfs() -> None:
    """Of a LUN of this size: fewer groups have no second superblock, more have no room for a log of 64 MB in one of them."""
    counts = [int(word.removeprefix("agcount=")) for case in OPTIONS for word in case.make if word.startswith("agcount=")]
    assert counts
    assert all(2 <= count <= MEGABYTES // 70 for count in counts)


def test_no_case_always_follows_the_same_one() -> None:
    cases = list(dict.fromkeys(case for part in PARTS.values() for case in part))
    rounds = [bench.in_turn(cases, number, 3) for number in range(3)]
    assert all(set(one) == set(cases) for one in rounds)
    assert len({one[0] for one in rounds}) == 3
    before = [dict(zip(one[1:], one, strict=False)) for one in rounds]
    assert not [case for case in cases if before[0].get(case) == before[1].get(case)]


def test_options_are_compared_on_the_disk_that_mail_is_on() -> None:
    assert PARTS["disks"][0] is BASE
    assert BASE.disk == LOCAL
    assert {case.disk for case in OPTIONS} == {OURS.disk} == {SYNCED}
    assert len({case.name for part in PARTS.values() for case in part}) == len({case for part in PARTS.values() for case in part})


def test_each_case_is_told_against_the_first() -> None:
    walls = {(work, case): [2.0, 9.0, 3.0] if case is BASE else [1.5] for work in bench.WORK for case in PARTS["disks"]}
    rows = bench.compared(walls, PARTS["disks"], argparse.Namespace(people=10, letters=30))
    assert [row.count for row in rows] == [10] * 3 + [30] * 9
    assert rows[0].ratios == {}
    assert rows[1].ratios == {BASE.name: 2.0}


def test_the_work_on_the_machine_leaves_nothing(tmp_path: Path) -> None:
    place, caches = tmp_path / "homes", tmp_path / "caches"
    place.mkdir()
    given = json.dumps({"place": str(place), "count": 5, "length": 100, "caches": str(caches)})
    done = subprocess.run([sys.executable, str(bench.ON_MACHINE), given], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == set(bench.WORK) - {"lmtp"}
    assert list(place.iterdir()) == []
