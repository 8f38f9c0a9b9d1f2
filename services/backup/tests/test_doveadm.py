"""How doveadm is asked, and how its answers are read."""

from pathlib import Path

import pytest

from services.backup.backup import doveadm
from services.backup.backup.doveadm import COPIES, MIRROR, REMOVED, DoveadmError, Place, command, fetch, run


def test_each_place_has_its_words() -> None:
    assert command(Place("joe"), ["mailbox list", "-s"]) == ["/usr/bin/doveadm", "mailbox", "list", "-u", "joe", "-s"]
    assert Place("joe", REMOVED).words() == Place("joe", MIRROR).words() == []
    # What is expunged among copies must not come back as removed.
    assert "lazy_expunge_mailbox=" in Place("joe", COPIES).words()
    assert "mail_path=/srv/backup/scratch/x" in Place("joe", Path("/srv/backup/scratch/x")).words()


def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, code: int = 0, fault: bytes = b"") -> None:
    """Let a program that answers so stand where doveadm is."""
    (tmp_path / "said").write_bytes(said)
    (tmp_path / "fault").write_bytes(fault)
    program = tmp_path / "doveadm"
    program.write_text(f'#!/bin/sh\ncat "{tmp_path}/said"\ncat "{tmp_path}/fault" >&2\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(doveadm, "PROGRAM", str(program))


def test_escaped_values_are_what_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, monkeypatch, b"1\ta\x01tb\x01nc\x011\x01rd\x010\n2\t\n")
    rows = list(fetch(Place("joe"), ["uid", "hdr.subject"], ["all"]))
    assert rows == [{"uid": b"1", "hdr.subject": b"a\tb\nc\x01\rd\0"}, {"uid": b"2", "hdr.subject": b""}]


def test_a_letter_is_taken_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = b"Subject: x\n\n\f\nuid: 7\nsize.physical: 3\ntext:\n\xff\0\x01t\n", b"\n"
    said = b"\f\n".join(b"uid: %d\nsize.physical: %d\ntext:\n%s" % (uid, len(one), one) for uid, one in ((1, first), (2, second)))
    for end in (b"", b"\f\n"):
        says(tmp_path, monkeypatch, said + end)
        rows = list(fetch(Place("joe"), ["uid"], ["all"], text=True))
        assert [(row["uid"], row["text"]) for row in rows] == [(b"1", first), (b"2", second)]


@pytest.mark.parametrize(
    "said",
    [
        b"uid: 1\nsize.physical: 9\ntext:\nabc\f\n",
        b"uid: 1\nsize.physical: 2\ntext:\nabc\f\n",
        b"uid: 1\nsize.physical: 3\n",
        b"uid: 1\nsi",
        b"size.physical: 3\ntext:\nabc",
    ],
)
def test_half_an_answer_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    says(tmp_path, monkeypatch, said)
    with pytest.raises(DoveadmError):
        list(fetch(Place("joe"), ["uid"], ["all"], text=True))


@pytest.mark.parametrize("said", [b"1\tx\n2", b"1\tx\ty\n", b"1\n"])
def test_half_a_row_is_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    says(tmp_path, monkeypatch, said)
    with pytest.raises(DoveadmError):
        list(fetch(Place("joe"), ["uid", "guid"], ["all"]))


def test_who_has_nothing_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, monkeypatch, b"", 68, b"Mailbox doesn't exist\n")
    assert list(fetch(Place("joe"), ["uid"], ["all"])) == []


def test_a_fault_is_doveadms_last_line_and_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, monkeypatch, b"", 75, b"first\ndoveadm(joe): Error: \x1b[31m away\n")
    with pytest.raises(DoveadmError) as fault:
        run(Place("joe"), ["mailbox list"])
    assert str(fault.value) == r"doveadm(joe): Error: \x1b[31m away"
    assert fault.value.temporary


def test_who_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "doveadm"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(doveadm, "PROGRAM", str(program))
    with pytest.raises(DoveadmError, match="did not answer") as fault:
        run(Place("joe"), ["mailbox list"], patience=0.1)
    assert fault.value.temporary
