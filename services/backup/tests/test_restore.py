"""In which order people come back, what is written down of it, and what a run that was killed leaves to the next one."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.backup.backup import bring_back, people
from services.backup.backup.bring_back import Done
from services.backup.backup.command import main
from services.backup.backup.doveadm import NO_USER, TEMPORARY, DoveadmError
from services.backup.backup.people import Person
from services.backup.backup.progress import Progress, span
from services.backup.backup.restore_store import Journal, in_order
from services.backup.backup.settings import Settings, parse

STORE, OTHER = "hermes.example.org", "helios.example.org"
CONFIGURATION = """\
hostname = "backup1.example.org"
home = "{home}"
machines = ["backup1.example.org"]
default_store = "hermes.example.org"
stores = ["hermes.example.org", "helios.example.org"]
restore_first = ["dean"]
[directory]
uris = ["ldap://ldap1.example.org"]
bind_dn = "cn=backup"
password = "secret"
base = "dc=example,dc=org"
ca = "/ca.pem"
"""


class KilledError(BaseException):
    """As if the process ended here."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for one in ("people", "state", "scratch"):
        (tmp_path / one).mkdir()
    (tmp_path / "backup.toml").write_text(CONFIGURATION.format(home=tmp_path))
    return tmp_path / "backup.toml"


@pytest.fixture
def settings(path: Path) -> Settings:
    import tomllib  # noqa: PLC0415  only here

    return parse(tomllib.loads(path.read_text()))


def person(uid: str, store: str = STORE, refused: str = "") -> Person:
    return Person(uid=uid, store=store, entry="", kind="", days=30, refused=refused)


def enrol(monkeypatch: pytest.MonkeyPatch, everybody: Sequence[Person]) -> None:
    monkeypatch.setattr(people, "everybody", lambda _: list(everybody))
    monkeypatch.setattr(people, "some", lambda _, uids: [one for one in everybody if one.uid in list(uids)])


def active(settings: Settings, uid: str, when: float, letters: int = 1) -> None:
    folder = settings.person(uid) / "mirror" / "cur"
    folder.mkdir(parents=True)
    (folder.parent / "new").mkdir()
    for number in range(letters):
        (folder / f"{number}.M1P1.d,S=10,W=10:2,S").write_bytes(b"")
    os.utime(folder, (when, when))


def test_who_is_named_comes_first_and_then_who_was_active_last(settings: Settings) -> None:
    for number, uid in enumerate(["old", "young", "dean", "boss"]):
        active(settings, uid, 1000.0 + number * (uid != "dean"))
    everybody = [person(uid) for uid in ("nobody", "old", "young", "dean", "boss")]
    assert [one.uid for one in in_order(settings, everybody, ["dean"])] == ["dean", "boss", "young", "old", "nobody"]
    assert [one.uid for one in in_order(settings, everybody, ["old", "dean", "old"])][:2] == ["old", "dean"]


def test_who_comes_first_may_be_said_on_standard_input(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(monkeypatch, [person(uid) for uid in ("ann", "bob", "dean")])
    monkeypatch.setattr("sys.stdin", io.StringIO("# the office\n\nbob\n"))
    assert main(["--config", str(path), "restore", "store", "--store", STORE, "--first", "-", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["people"] == ["bob", "dean", "ann"]


def test_a_journal_survives_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "restore.journal"
    journal = Journal.opened(path, anew=False)
    journal.write(Done("joe", STORE, 3, 30, 0, True, 1.0))
    with path.open("ab") as stream:
        stream.write(b'\n{"person": "an')
    assert set(Journal.opened(path, anew=False).done) == {"joe"}
    Journal.opened(path, anew=False).write(Done("ann", STORE, 3, 30, 0, True, 1.0))
    assert set(Journal.opened(path, anew=False).done) == {"joe", "ann"}
    assert not Journal.opened(path, anew=True).done


class Store:
    """Stands where mail is brought back: counts who came, and can be killed at any step."""

    def __init__(self, faults: dict[str, Exception] | None = None) -> None:
        self.came: list[str] = []
        self.faults = faults or {}

    def restore(self, _settings: Settings, uid: str, to: str, _wish: Any) -> Done:
        if uid in self.faults:
            raise self.faults[uid]
        self.came.append(uid)
        return Done(uid, to, 10, 1000, 0, True, 0.1)


@pytest.mark.parametrize("step", range(8))
def test_a_run_that_was_killed_is_gone_on_with(
    path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: int
) -> None:
    names = ["ann", "bob", "cid", "dan"]
    for number, uid in enumerate(names):
        active(settings, uid, 9000.0 - number)
    enrol(monkeypatch, [person(uid) for uid in names])
    store, steps = Store(), iter(range(100))
    real_write = Journal.write

    def killed_here() -> None:
        if next(steps) == step:
            raise KilledError

    def restore(*words: Any, **more: Any) -> Done:
        killed_here()
        return store.restore(*words, **more)

    def write(journal: Journal, one: Done) -> None:
        killed_here()
        real_write(journal, one)

    monkeypatch.setattr(bring_back, "restore", restore)
    monkeypatch.setattr(Journal, "write", write)
    # Somebody who has gone since an earlier run counts for nothing.
    real_write(Journal(settings.home / "state" / f"restore-{STORE}-to-{STORE}.journal"), Done("gone", STORE, 0, 0, 0, False, 0.0))
    words = ["--config", str(path), "restore", "store", "--store", STORE, "--at-once", "1"]
    with pytest.raises(KilledError):
        main(words)
    before = list(store.came)
    assert main(words) == 0
    # Only whoever it was at is begun anew.
    assert store.came[len(before) :] == names[step // 2 :]
    assert sorted(set(store.came)) == names
    assert not list((settings.home / "state").glob("*.journal")), "the next restore of the store is another one"
    assert "person" in capsys.readouterr().out


def test_faults_keep_nobody_back_and_are_done_by_the_next_run(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(monkeypatch, [person(uid) for uid in ("ann", "bob", "cid", "del")] + [person("far", OTHER), person("odd", refused="odd")])
    store = Store({"bob": OSError("disk\x1b is odd"), "del": DoveadmError("no such user", NO_USER)})
    monkeypatch.setattr(bring_back, "restore", store.restore)
    words = ["--config", str(path), "restore", "store", "--store", STORE]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "bob: disk\\x1b is odd" in said
    assert "1 people are left" in said
    del store.faults["bob"]
    assert main(words) == 1, "somebody the store does not know is said again"
    assert sorted(store.came) == ["ann", "bob", "cid"]


def test_a_store_that_is_away_ends_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = [person(f"p{number:02}") for number in range(20)]
    enrol(monkeypatch, everybody)
    tried: list[str] = []

    def restore(_settings: Settings, uid: str, *_: Any) -> Done:
        tried.append(uid)
        raise DoveadmError("Connection refused", TEMPORARY)

    monkeypatch.setattr(bring_back, "restore", restore)
    assert main(["--config", str(path), "restore", "store", "--store", STORE, "--at-once", "1"]) == 1
    assert len(tried) == 5


def test_a_dry_run_changes_nothing(
    path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    active(settings, "ann", 1000.0, letters=7)
    enrol(monkeypatch, [person("ann"), person("dean")])
    monkeypatch.setattr(bring_back, "restore", lambda *_: pytest.fail("it restored"))
    assert main(["--config", str(path), "restore", "store", "--store", STORE, "--check"]) == 0
    said = capsys.readouterr().out
    assert "2 people of 2 would come back, with about 7 letters" in said
    assert said.index("dean") < said.index("ann")
    assert not list((settings.home / "state").glob("restore*"))


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (["store", "--store", "nosuch.example.org"], "nosuch.example.org is no mailstore of this site; there are hermes", 1),
        (["store", "--store", STORE, "--only", "{home}/only"], "stranger is not kept here", 1),
        (["store", "--store", STORE, "--first", "{home}/nosuch"], "nosuch", 1),
        (["person", "--person", "stranger"], "backup1.example.org keeps nothing of 'stranger'", 1),
        (["person", "--person", "../etc"], "no login that is backed up", 1),
        (["person", "--person", "gone"], "the directory has no gone", 1),
        (["person", "--person", "ann", "--to", "nosuch"], "nosuch is no mailstore", 1),
        (["message", "--person", "ann"], "say which letter", 2),
        (["message", "--person", "ann", "--subject", "x"], "nothing that is kept of ann fits", 1),
        (["folder", "--person", "ann", "--folder", "X"], "is or was in X; there are INBOX", 1),
    ],
)
def test_what_cannot_be_is_said_before_anything_changes(
    path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
    code: int,
) -> None:
    (settings.home / "only").write_text("# these\nann\nstranger\n")
    enrol(monkeypatch, [person("ann")])
    active(settings, "ann", 1000.0)
    (settings.person("gone")).mkdir()
    monkeypatch.setattr(bring_back, "restore", lambda *_, **__: pytest.fail("it restored"))
    monkeypatch.setattr("services.backup.backup.doveadm.fetch", lambda *_, **__: iter(()))
    given = [one.format(home=settings.home) for one in words]
    for more in ([], ["--json"]):
        assert main(["--config", str(path), "restore", *given, *more]) == code
        assert sentence in "".join(capsys.readouterr())


def test_progress_says_how_far_and_how_fast() -> None:
    progress = Progress(4, {"ann": 900, "bob": 0, "cid": 0, "dan": 0})
    progress.began -= 100
    progress.passed(Done("ann", STORE, 900, 50_000_000, 0, True, 1.0))
    assert progress.line().startswith(
        "person 1 of 4 (ann) · 900 letters · 50.0 MB · 0.5 MB/s, 9 letters/s · 0:01:40 elapsed · about 0:00:30 left"
    )
    for uid in ("bob", "cid", "dan"):
        progress.failed(uid)
    assert "left" not in progress.line()
    assert "3 failed" in progress.line()
    assert span(3661) == "1:01:01"
