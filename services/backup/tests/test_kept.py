"""What is kept is read in spite of letters that are damaged, and those are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.backup.backup import doveadm, kept

PLACE = doveadm.Place("anna", doveadm.COPIES)
# Answers as doveadm does of five letters in two folders: one that is damaged ends the answer, with the code of what may pass.
DOVEADM = """#!{python} -I
import sys
words, code = sys.argv, 0
if "search" in words:
    print("aa 1\\naa 2\\naa 3\\nbb 1\\nbb 2")
    sys.exit()
folder = words[words.index("mailbox-guid") + 1] if "mailbox-guid" in words else ""
there = [("aa", 1), ("aa", 2), ("aa", 3), ("bb", 1), ("bb", 2)]
if folder:
    wanted = [int(one) for one in words[words.index("uid", words.index("mailbox-guid")) + 1].split(",")]
    there = [one for one in there if one[0] == folder and one[1] in wanted]
for one in there:
    if one in {broken}:
        print(f"Error: fetch(hdr) failed for uid={{one[1]}}", file=sys.stderr)
        sys.exit({code})
    print(f"{{one[0]}}\\t{{one[1]}}")
"""


def answers(folder: Path, monkeypatch: pytest.MonkeyPatch, broken: object, code: int = 75) -> None:
    program = folder / "doveadm"
    program.write_text(DOVEADM.format(python=sys.executable, broken=broken, code=code))
    program.chmod(0o755)
    monkeypatch.setattr(doveadm, "PROGRAM", str(program))


@pytest.mark.parametrize("broken", [[], [("aa", 2)], [("aa", 1), ("bb", 2)], [("aa", 1), ("aa", 2), ("aa", 3), ("bb", 1), ("bb", 2)]])
def test_a_damaged_letter_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: list[tuple[str, int]]) -> None:
    answers(tmp_path, monkeypatch, broken)
    faults: list[str] = []
    rows = kept.readable(PLACE, ["mailbox", "uid"], ["mailbox", "*"], ["savedsince", "1"], faults)
    found = {(row["mailbox"].decode(), int(row["uid"])) for row in rows}
    assert found == {("aa", 1), ("aa", 2), ("aa", 3), ("bb", 1), ("bb", 2)} - set(broken)
    assert len(faults) == len(broken)
    assert all("fetch(hdr) failed" in one for one in faults)


def test_who_is_not_there_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(tmp_path, monkeypatch, [("aa", 1)], doveadm.NO_USER)
    with pytest.raises(doveadm.DoveadmError):
        kept.readable(PLACE, ["mailbox", "uid"], [], [], [])
