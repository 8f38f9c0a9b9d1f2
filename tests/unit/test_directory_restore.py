"""posthouse-directory-restore: what it takes for the same, for newer, for whole, and what an interruption leaves."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "roles/directory/templates/usr/local/libexec/posthouse-directory-restore"


def ldif(*people: str, csn: str = "20261101040000.000001Z#000000#000#000000", context: str = "") -> bytes:
    """Return an LDIF as slapcat writes it; the last person's entry changed at csn."""
    old = "20260101000000.000001Z#000000#000#000000"
    text = f"dn: o=madstop.test\no: madstop.test\nentryCSN: {old}\n" + (f"contextCSN: {context}\n" if context else "") + "\n"
    for person in people:
        text += f"dn: uid={person},o=madstop.test\nuid: {person}\nentryCSN: {csn if person == people[-1] else old}\n\n"
    return text.encode()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program with places of its own, a slapd that is a word in a list, and data that is an LDIF."""
    source = tmp_path / "program"
    source.write_text(PROGRAM.read_text().replace("{{ directory_suffix | to_json }}", '"o=madstop.test"'))
    loader = importlib.machinery.SourceFileLoader("directory_restore", str(source))
    spec = importlib.util.spec_from_loader("directory_restore", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    for name, path in {"STATE": "", "DATA": "data", "NEW": "restore.new", "BEFORE": "before-restore"}.items():
        monkeypatch.setattr(module, name, tmp_path / path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(module, "done", [], raising=False)
    monkeypatch.setattr(module, "_systemctl", module.done.append)
    monkeypatch.setattr(module, "held", lambda *_: module.scan(_lines(tmp_path / "data/data.mdb")))

    def fill(file: Path, _wanted: object) -> None:
        (tmp_path / "restore.new/data").mkdir(parents=True)
        (tmp_path / "restore.new/data/data.mdb").write_bytes(file.read_bytes())
        (tmp_path / "restore.new/data/restored").write_text(f"{module.dumped(file)['digest']} 1")

    monkeypatch.setattr(module, "_fill", fill)
    return module


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


@pytest.fixture
def dump(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "dump.ldif"
        path.write_bytes(content)
        return path

    return write


def test_order_wrapping_and_the_servers_own_note_make_no_difference(program: ModuleType, dump: Callable[[bytes], Path]) -> None:
    one = program.scan(ldif("al", "bo").splitlines(keepends=True))
    blocks = ldif("al", "bo").split(b"\n\n")
    other = b"\n\n".join([blocks[0], blocks[2], blocks[1]]) + b"\n\n"
    assert program.scan(other.splitlines(keepends=True))["digest"] == one["digest"]
    wrapped = ldif("al", "bo", context="20261101040000.000001Z#000000#000#000000").replace(b"uid: bo\n", b"uid: b\n o\n")
    assert program.dumped(dump(wrapped)) == one
    assert one["entries"] == 3
    assert one["newest"].startswith("20261101")
    assert program.scan(ldif("al", "cy").splitlines(keepends=True))["digest"] != one["digest"]


def test_an_empty_directory_gets_the_dump_and_a_second_run_does_nothing(
    program: ModuleType, dump: Callable[[bytes], Path], tmp_path: Path
) -> None:
    file = dump(ldif("al", "bo"))
    assert program.load(file, overwrite=False, check=True)["changed"]
    assert program.done == []
    assert program.load(file, overwrite=False, check=False)["changed"]
    assert program.done == ["stop", "start"]
    assert (tmp_path / "data/data.mdb").read_bytes() == file.read_bytes()
    assert not program.load(file, overwrite=False, check=False)["changed"]
    assert program.done == ["stop", "start", "start"]


def test_what_is_newer_is_kept_unless_one_says_otherwise_and_then_put_aside(
    program: ModuleType, dump: Callable[[bytes], Path], tmp_path: Path
) -> None:
    newer = ldif("al", "bo", "cy", csn="20261102000000.000001Z#000000#000#000000")
    (tmp_path / "data/data.mdb").write_bytes(newer)
    with pytest.raises(program.Refused, match=r"4 entries, last changed 20261102000000\) than the dump \(3 entries"):
        program.load(dump(ldif("al", "bo")), overwrite=False, check=False)
    assert program.done == []
    program.load(dump(ldif("al", "bo")), overwrite=True, check=False)
    assert (tmp_path / "before-restore/data.mdb").read_bytes() == newer
    assert not (tmp_path / "restore.new").exists()


def test_a_run_that_died_after_the_exchange_is_completed(program: ModuleType, dump: Callable[[bytes], Path], tmp_path: Path) -> None:
    file = dump(ldif("al", "bo"))
    (tmp_path / "data/data.mdb").write_bytes(file.read_bytes())
    (tmp_path / "data/restored").write_text(f"{program.dumped(file)['digest']} 1")
    (tmp_path / "restore.new/data").mkdir(parents=True)
    (tmp_path / "restore.new/data/data.mdb").write_bytes(b"what was here before")
    assert not program.load(file, overwrite=False, check=False)["changed"]
    assert (tmp_path / "before-restore/data.mdb").read_bytes() == b"what was here before"
    assert program.done == ["start"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"version: 1\n\n", b"dn: o=other\no: other\n\n", b"\x00\x01\x02\n"])
def test_what_is_no_dump_of_this_directory_is_refused(program: ModuleType, dump: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(program.Refused, match="nothing was done"):
        program.load(dump(content), overwrite=True, check=False)
    assert program.done == []


def test_a_dump_that_was_not_loaded_whole_replaces_nothing(
    program: ModuleType, dump: Callable[[bytes], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise program.Refused("2 entries were loaded and they are not the 3 of the dump")

    monkeypatch.setattr(program, "_fill", fail)
    with pytest.raises(program.Refused):
        program.load(dump(ldif("al", "bo")), overwrite=False, check=False)
    assert program.done == []
    assert list((tmp_path / "data").iterdir()) == []


def test_what_came_after_the_restore_stays_when_it_is_repeated(program: ModuleType, dump: Callable[[bytes], Path], tmp_path: Path) -> None:
    file = dump(ldif("al", "bo"))
    program.load(file, overwrite=False, check=False)
    later = ldif("al", "bo", "cy", csn="20261103000000.000001Z#000000#000#000000")
    (tmp_path / "data/data.mdb").write_bytes(later)
    assert not program.load(file, overwrite=False, check=False)["changed"]
    assert (tmp_path / "data/data.mdb").read_bytes() == later
    assert program.load(file, overwrite=True, check=False)["changed"]
    assert (tmp_path / "data/data.mdb").read_bytes() == file.read_bytes()


def test_a_replica_forgets_once_a_restore(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program.shutil, "chown", lambda *_: None)
    (tmp_path / "data/data.mdb").write_bytes(ldif("al"))
    (tmp_path / "caught-up").touch()
    assert program.forget("abc 1")["changed"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["restored"]
    assert not (tmp_path / "caught-up").exists()
    assert (tmp_path / "before-restore/data.mdb").exists()
    assert not program.forget("abc 1")["changed"]
    assert program.forget("abc 2")["changed"]
