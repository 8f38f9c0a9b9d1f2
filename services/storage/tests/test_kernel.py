"""What the kernel's log says of disks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.storage.storage import kernel

LINES = {
    "I/O error, dev etherd/e1.0, sector 6291 op 0x0:(READ) flags 0x80700 phys_seg 1": ("etherd/e1.0", "READ", 6291),
    "Buffer I/O error on dev dm-0, logical block 16, async page read": ("dm-0", "I/O", 16),
    "aoe: ata error cmd=24h stat=41h from e1.0": ("etherd/e1.0", "ATA", -1),
    'XFS (dm-0): metadata I/O error in "xfs_trans_read_buf_map" at daddr 0x80': ("dm-0", "XFS", -1),
    "XFS (dm-0): Filesystem has been shut down due to log error (0x2).": ("dm-0", "XFS", -1),
}


@pytest.mark.parametrize("line", LINES)
def test_complaints_of_the_kernel_are_understood(line: str) -> None:
    one = kernel.understood(line, 1.0)
    assert one is not None
    assert (one.disk, one.what, one.sector) == LINES[line]


def test_each_record_of_the_kernels_log_counts_once(tmp_path: Path) -> None:
    line = next(iter(LINES))
    (tmp_path / "kmsg").write_text(f"6,17,90000000,-;{line}\n SUBSYSTEM=block\n")
    handle = kernel.opened(tmp_path / "kmsg")
    found, last = kernel.complaints(16, handle)
    assert ([one.disk for one in found], last) == (["etherd/e1.0"], 17)
    assert found[0].moment == pytest.approx(time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + 90, abs=5)
    os.lseek(handle, 0, os.SEEK_SET)
    assert kernel.complaints(17, handle) == ([], 17)
    os.close(handle)


@pytest.mark.parametrize("line", ["XFS (dm-0): Mounting V5 Filesystem", "XFS (dm-0): Ending clean mount", "EXT4-fs (vda): mounted", ""])
def test_what_is_no_complaint_is_passed_over(line: str) -> None:
    assert kernel.understood(line, 1.0) is None
