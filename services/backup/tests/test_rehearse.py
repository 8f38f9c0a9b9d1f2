"""A rehearsal that is not as the mailbox is has failed, and says where; what changes meanwhile is looked at twice."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from posthouse.copyletter import Facts, digest, wrap

from services.backup.backup import doveadm, listing, rehearse
from services.backup.backup.listing import Folder, Letter
from services.backup.backup.people import Person

ANNA = Person(uid="anna", store="hermes.madstop.test", entry="", kind="", days=30)
TEXTS = {f"g{number}": f"Message-ID: <{number}@x>\n\nletter {number}\n".encode() for number in range(6)}
SAVED = datetime(2026, 11, 1, tzinfo=UTC)


def letter(guid: str, text: bytes = b"") -> tuple[Letter, bytes]:
    text = text or TEXTS[guid]
    return Letter(int(guid[1:]) + 1, guid, frozenset({"\\Seen"}), "2026-11-01 00:00:00", "", len(text), digest(text)), text


def copy(guid: str) -> tuple[Letter, bytes]:
    facts = Facts("anna", "INBOX", guid, 1, 1, SAVED, (), "hermes", "", "anna@x")
    return letter(f"g{guid[1:]}", wrap(facts, TEXTS[guid]))


class Mail:
    """Mailboxes in memory, in place of doveadm's and of the ways. live changes once when `then` is set."""

    def __init__(self) -> None:
        self.mirror = {"INBOX": [letter("g0"), letter("g1")], "Sent": [letter("g2")], "Empty": []}
        self.live: dict[str, list[tuple[Letter, bytes]]] = {name: list(letters) for name, letters in self.mirror.items()}
        self.copies = {"INBOX": [copy("g0"), copy("g1")]}
        self.then: dict[str, list[tuple[Letter, bytes]]] | None = None
        self.restored: dict[str, list[tuple[Letter, bytes]]] = {}
        self.asked: list[Sequence[str] | None] = []
        self.fault = ""
        self.complaints: list[str] = []

    def refresh(self, _person: Person) -> None:
        if self.fault:
            raise OSError(self.fault)

    def named(self, _person: Person) -> list[str]:
        return list(self.live)

    def restore(self, _person: Person, _into: Path, folders: Sequence[str] | None) -> Sequence[str]:
        self.asked.append(folders)
        self.restored = {name: letters for name, letters in self.mirror.items() if folders is None or name in folders}
        return self.complaints

    def pull(self, _person: Person, _into: Path, _folders: Sequence[str] | None) -> None:
        if len(self.asked) > 1 and self.then is not None:
            self.live = self.then

    def file(self, _person: Person, folder: str, letter: str) -> str:
        return f"/srv/{letter}" if any(one.guid == letter for one, _ in self.mirror.get(folder, [])) else ""

    def at(self, place: doveadm.Place) -> dict[str, list[tuple[Letter, bytes]]]:
        where = place.where.name if isinstance(place.where, Path) else place.where
        return {"restored": self.restored, "live": self.live, "mirror": self.mirror, "copies": self.copies}[where]

    def folders(self, place: doveadm.Place) -> list[Folder]:
        return [Folder(name, name, len(found), sum(one.size for one, _ in found)) for name, found in self.at(place).items()]

    def letters(self, place: doveadm.Place, folder: Folder) -> list[Letter]:
        return [replace(one, sha256="", size=0, fault="") for one, _ in self.at(place)[folder.name]]

    def uids(self, place: doveadm.Place, folder: Folder) -> list[int]:
        return [one.uid for one, _ in self.at(place)[folder.name]]

    def contents(self, place: doveadm.Place, folder: Folder, numbers: Iterable[int]) -> Iterator[tuple[Letter, bytes]]:
        wanted = set(numbers)
        return iter([(one, text) for one, text in self.at(place)[folder.name] if one.uid in wanted])


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Mail:
    mail = Mail()
    for name in ("folders", "letters", "uids", "contents"):
        monkeypatch.setattr(listing, name, getattr(mail, name))
    return mail


def rehearsed(mail: Mail, tmp_path: Path, **limits: int) -> rehearse.Rehearsed:
    scratch = tmp_path / "1"
    found = rehearse.rehearse(ANNA, scratch, mail, rehearse.Limits(**limits), random.Random(1))
    assert not scratch.exists()
    return found


def test_what_is_equal_passes(mail: Mail, tmp_path: Path) -> None:
    found = rehearsed(mail, tmp_path)
    assert found.faults == []
    assert {name: found.told()[name] for name in ("folders", "letters", "read", "same", "gone", "copies")} == {
        "folders": 3,
        "letters": 3,
        "read": 3,
        "same": 3,
        "gone": 0,
        "copies": 2,
    }
    assert mail.asked == [None]


def test_a_letter_that_rots_is_named_with_its_file(mail: Mail, tmp_path: Path) -> None:
    mail.mirror["Sent"] = [letter("g2", b"something else\n")]
    [fault] = rehearsed(mail, tmp_path).faults
    assert (fault.place, fault.folder, fault.letter, fault.lost) == ("mirror", "Sent", "g2", True)
    assert "mirror of anna, folder Sent: letter g2 has other bytes" in fault.sentence
    assert "(file /srv/g2)" in fault.sentence


def test_a_letter_that_cannot_be_read_is_named(mail: Mail, tmp_path: Path) -> None:
    one, _ = letter("g1")
    mail.mirror["INBOX"][1] = (replace(one, sha256="", fault="Broken pipe"), b"")
    [fault] = rehearsed(mail, tmp_path).faults
    assert (fault.letter, "Broken pipe" in fault.what) == ("g1", True)


def test_what_arrives_or_is_read_meanwhile_is_no_fault(mail: Mail, tmp_path: Path) -> None:
    one, text = letter("g0")
    mail.then = {name: list(letters) for name, letters in mail.live.items()}
    mail.live["INBOX"] = [(replace(one, flags=frozenset()), text), letter("g1"), letter("g3")]
    assert rehearsed(mail, tmp_path).faults == []
    assert len(mail.asked) == 2


def test_what_stays_wrong_is_a_fault(mail: Mail, tmp_path: Path) -> None:
    mail.live["INBOX"].append(letter("g3"))
    mail.live["New"] = [letter("g4")]
    faults = rehearsed(mail, tmp_path).faults
    assert [(one.folder, one.letter, one.lost) for one in faults] == [("INBOX", "g3", True), ("New", "", True)]


@pytest.mark.parametrize(
    "damage", [lambda text: text.replace(b"letter", b"lettuce"), lambda text: text[:-3], lambda text: b"X" + text[300:]]
)
def test_a_damaged_copy_is_named(mail: Mail, tmp_path: Path, damage: Any) -> None:
    one, text = mail.copies["INBOX"][1]
    mail.copies["INBOX"][1] = (one, damage(text))
    [fault] = rehearsed(mail, tmp_path).faults
    assert (fault.place, fault.lost) == ("copies", True)
    assert "number 2 g1" in fault.letter


def test_a_copy_that_is_another_letter_than_the_mirrors(mail: Mail, tmp_path: Path) -> None:
    mail.copies["INBOX"][1] = (letter("g1")[0], wrap(Facts("anna", "INBOX", "g1", 1, 1, SAVED, (), "hermes", "", "a@x"), TEXTS["g5"]))
    [fault] = rehearsed(mail, tmp_path).faults
    assert (fault.letter, fault.what) == ("g1", "is not the letter that came back from the mirror")


def test_what_the_restore_complains_of_is_told_once(mail: Mail, tmp_path: Path) -> None:
    mail.complaints = ["copy 7 is damaged"]
    [fault] = rehearsed(mail, tmp_path).faults
    assert "copy 7 is damaged" in fault.sentence
    mail.copies["INBOX"][1] = (mail.copies["INBOX"][1][0], b"X")
    [fault] = rehearsed(mail, tmp_path).faults
    assert "number 2 g1" in fault.letter


def test_a_person_who_cannot_be_rehearsed_has_a_fault_and_copies_are_read_all_the_same(mail: Mail, tmp_path: Path) -> None:
    mail.fault = "hermes does not answer"
    found = rehearsed(mail, tmp_path)
    assert found.copies == 2
    [fault] = found.faults
    assert "hermes does not answer" in fault.sentence
    assert not fault.lost


def test_of_who_has_much_only_some_folders_are_restored(mail: Mail, tmp_path: Path) -> None:
    found = rehearsed(mail, tmp_path, letters=1)
    [names] = mail.asked
    assert names is not None
    assert set(names) in ({"INBOX", "Empty"}, {"Sent", "Empty"})
    # Flags are compared of all letters, bytes of so many.
    assert found.faults == []
    assert found.read == 1
    mail.live["Never mirrored"] = []
    assert [one.sentence for one in rehearsed(mail, tmp_path, letters=1).faults] == [
        "mirror of anna, folder Never mirrored: the folder is not in the backup"
    ]


def test_folders_are_chosen_by_chance() -> None:
    folders = [Folder(str(number), "", 10, 100) for number in range(9)]
    chosen = {tuple(one.name for one in rehearse.chosen_folders(folders, 30, 10_000, random.Random(seed))) for seed in range(20)}
    assert {len(one) for one in chosen} == {3}
    assert len(chosen) > 10
    assert len(rehearse.chosen_folders(folders, 10_000, 250, random.Random(1))) == 2
    assert len(rehearse.chosen_folders([Folder("a", "", 5, 10**12)], 10, 10, random.Random(1))) == 1
