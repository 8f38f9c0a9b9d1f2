"""What goes, to the second, and what stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.backup.backup import cull as module
from services.backup.backup import doveadm, owners
from services.backup.backup.cull import due_copies, due_removed, is_due, uid_set
from services.backup.backup.doveadm import DoveadmError
from services.backup.backup.people import DirectoryAwayError, Person
from services.backup.backup.settings import Settings, parse

from .test_settings import given

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def copy(uid: int, saved: str, received: int = 0) -> dict[str, bytes]:
    return {"uid": str(uid).encode(), "hdr.x-posthouse-saved": saved.encode(), "date.saved.unixtime": str(received).encode()}


def person(uid: str, entry: str = "e1", days: int = 30) -> Person:
    return Person(uid=uid, store="hermes.example.org", entry=entry, kind="", days=days)


@pytest.mark.parametrize(
    ("age", "goes"),
    [
        (timedelta(days=29, hours=23), False),
        (timedelta(days=30) - timedelta(microseconds=1), False),
        (timedelta(days=30), True),
        (timedelta(days=30, hours=1), True),
    ],
)
def test_thirty_days_are_thirty_days(age: timedelta, goes: bool) -> None:
    assert is_due(NOW - age, NOW, 30) is goes
    text = (NOW - age).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert due_copies([copy(7, text)], NOW, 30) == ([7] if goes else [])


def test_a_copy_that_came_late_goes_by_its_delivery() -> None:
    assert due_copies([copy(1, "2026-10-20T05:00:00.000000Z", int(NOW.timestamp()))], NOW, 30) == [1]


@pytest.mark.parametrize("nonsense", ["", "soon", "2026-13-40T00:00:00Z"])
def test_a_copy_that_does_not_say_goes_by_its_arrival(nonsense: str) -> None:
    old, young = int((NOW - timedelta(days=31)).timestamp()), int((NOW - timedelta(days=1)).timestamp())
    assert due_copies([copy(1, nonsense, old), copy(2, nonsense, young)], NOW, 30) == [1]


def test_removed_letters_go_by_their_removal_folder_by_folder() -> None:
    def row(folder: str, uid: int, age: timedelta) -> dict[str, bytes]:
        seconds = str(int((NOW - age).timestamp())).encode()
        return {"mailbox": folder.encode(), "uid": str(uid).encode(), "date.saved.unixtime": seconds}

    rows = [
        row("removed/of/INBOX", 1, timedelta(days=30, hours=1)),
        row("removed/of/INBOX", 2, timedelta(days=29, hours=23)),
        row("removed/of/Größe", 1, timedelta(days=30)),
    ]
    assert due_removed(rows, NOW, 30) == {"removed/of/INBOX": [1], "removed/of/Größe": [1]}


def test_uids_are_written_in_ranges_and_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uid_set([3, 1, 2, 9, 7, 9]) == ["1:3,7,9"]
    assert uid_set([]) == []
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    assert uid_set([1, 3, 5]) == ["1,3", "5"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "people").mkdir()
    hold = {"people": ["Held"], "reason": "case 12"}
    return parse(given(home=str(tmp_path), hold=[hold], **{"class": [{"name": "staff", "filter": "(a=b)", "days": 90}]}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Of whom something was culled, and after how many days."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(module, "cull_person", lambda _s, one, *_a, **_k: found.append((one.uid, one.days)))
    return found


def people(monkeypatch: pytest.MonkeyPatch, *known: Person) -> None:
    monkeypatch.setattr(module, "everybody", lambda *_a, **_k: list(known))


def folders(settings: Settings, *names: str) -> None:
    for name in names:
        settings.person(name).mkdir()


def test_whom_a_hold_names_is_passed_by_in_any_case(settings: Settings, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch, person("held"), person("ann"), person("bob", days=90))
    folders(settings, "held", "ann", "bob")
    outcome = module.cull(settings, NOW)
    assert (asked, outcome.held) == ([("ann", 30), ("bob", 90)], ["held"])


def test_who_is_gone_is_kept_as_long_as_anybody(settings: Settings, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch, person("ann"), person("bob"))
    folders(settings, "ann", "bob", "gone")
    outcome = module.cull(settings, NOW)
    assert ("gone", 90) in asked
    assert outcome.gone == ["gone"]
    assert module.cull(settings, NOW + timedelta(days=89, hours=23)).ended == []
    assert module.cull(settings, NOW + timedelta(days=90), check=True).ended == ["gone"]
    assert settings.person("gone").is_dir()
    assert module.cull(settings, NOW + timedelta(days=90)).ended == ["gone"]
    assert not settings.person("gone").exists()


@pytest.mark.usefixtures("asked")
def test_who_comes_back_keeps_everything(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(settings, "ann", "bob", "back")
    for known in ([person("ann"), person("bob")], [person("ann"), person("bob"), person("back")], [person("ann"), person("bob")]):
        people(monkeypatch, *known)
        module.cull(settings, NOW)
    assert module.cull(settings, NOW + timedelta(days=89)).ended == []


def test_an_empty_directory_culls_nothing(settings: Settings, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch)
    folders(settings, "ann")
    with pytest.raises(DirectoryAwayError, match="nobody"):
        module.cull(settings, NOW)
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_a_directory_that_lost_most_people_ends_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch, person("ann"))
    folders(settings, "ann", "bob", "eve")
    module.cull(settings, NOW)
    assert module.cull(settings, NOW + timedelta(days=400)).ended == []
    assert settings.person("bob").is_dir()


def test_a_damaged_copy_hides_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = int((NOW - timedelta(days=31)).timestamp()), int((NOW - timedelta(days=1)).timestamp())
    copies = {uid: copy(uid, saved, came) for uid, saved, came in ((1, "2026-10-01T00:00:00Z", young), (2, "", old), (3, "", young))}
    gone: list[str] = []

    def fetch(_place: Any, fields: list[str], query: list[str], **_: Any) -> list[dict[str, bytes]]:
        asked = [int(one) for one in query[-1].split(",")] if "uid" in query else list(copies)
        if "hdr.x-posthouse-saved" in fields and set(asked) & {2, 3}:
            raise DoveadmError("fetch(hdr) failed: zstd: corrupted data", 75)
        return [{name: copies[uid][name] for name in fields} for uid in asked]

    monkeypatch.setattr(module, "fetch", fetch)
    monkeypatch.setattr(doveadm, "fetch", fetch)
    monkeypatch.setattr(doveadm, "run", lambda *_a, **_k: "".join(f"inbox {uid}\n" for uid in copies).encode())
    monkeypatch.setattr(module, "run", lambda _place, words: gone.append(words[-1]))
    (settings.person("ann") / "copies").mkdir(parents=True)
    outcome = module.Outcome()
    module.cull_person(settings, person("ann"), NOW, outcome)
    # The damaged ones go by when they came.
    assert (gone, outcome.copies) == (["1:2"], 2)


def test_one_persons_fault_stops_nobody_elses(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch, person("ann"), person("bob"))
    folders(settings, "ann", "bob")
    passed = []

    def fails_for_ann(_settings: Settings, one: Person, *_a: Any, **_k: Any) -> None:
        if one.uid == "ann":
            raise DoveadmError("index is corrupted", 65)
        passed.append(one.uid)

    monkeypatch.setattr(module, "cull_person", fails_for_ann)
    outcome = module.cull(settings, NOW)
    assert (outcome.faults, passed) == ({"ann": "index is corrupted"}, ["bob"])


def test_a_directory_made_anew_has_the_same_people(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{number}" for number in range(20)]
    for name in names:
        owners.claim(settings, person(name, f"old-{name}"))
    anew = [person(name, f"new-{name}") for name in names]
    monkeypatch.setattr(owners, "everybody", lambda *_a, **_k: anew)
    for one in anew:
        owners.claim(settings, one)
    assert owners.here(settings) == sorted(names)
    assert [one.name for one in (settings.home / "people").iterdir() if "@" in one.name] == []
    # All were believed at once, so whoever comes last is no exception.
    owners.claim(settings, person("p19", ""))
    monkeypatch.setattr(owners, "everybody", lambda *_a, **_k: [*anew[1:], person("p0", "third")])
    owners.claim(settings, person("p0", "third"))
    assert (settings.home / "people" / "p0@new-p0").is_dir()


def test_a_name_that_becomes_somebody_elses_begins_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    people(monkeypatch)
    monkeypatch.setattr(owners, "everybody", lambda *_a, **_k: [person("joe", "second")])
    owners.claim(settings, person("joe", "first"))
    (settings.person("joe") / "copies").mkdir()
    owners.claim(settings, person("joe", "first"))
    assert (settings.person("joe") / "copies").is_dir()
    owners.claim(settings, person("joe", "second"))
    assert not (settings.person("joe") / "copies").exists()
    assert (settings.home / "people" / "joe@first" / "copies").is_dir()
    assert owners.here(settings) == ["joe"]
    # The first has the name again, and has everything.
    monkeypatch.setattr(owners, "everybody", lambda *_a, **_k: [person("joe", "first")])
    owners.claim(settings, person("joe", "first"))
    assert (settings.person("joe") / "copies").is_dir()
    monkeypatch.setattr(owners, "everybody", lambda *_a, **_k: [person("joe", "second")])
    owners.claim(settings, person("joe", "second"))
    # Put aside just now, by the clock and not by NOW.
    later = datetime.now(UTC) + timedelta(days=30, minutes=1)
    assert owners.remove_gone(settings, ["joe"], [], later - timedelta(minutes=2), 30) == []
    assert owners.remove_gone(settings, ["joe"], ["joe"], later, 30) == []
    assert owners.remove_gone(settings, ["joe"], [], later, 30) == ["joe@first"]
