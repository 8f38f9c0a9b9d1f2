"""A nightly run: who comes when, what is left out, and what is said of it."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from posthouse import state

from services.backup.backup import maildirs, mirror, pull
from services.backup.backup.doveadm import DoveadmError
from services.backup.backup.pace import Door, Doors
from services.backup.backup.people import Person
from services.backup.backup.room import FullError
from services.backup.backup.settings import Settings, parse
from services.backup.backup.turns import Queue

HERMES, HELIOS = "hermes.example.org", "helios.example.org"


def somebody(uid: str, store: str = HERMES, **more: Any) -> Person:
    return Person(uid=uid, store=store, entry=f"entry-{uid}", kind="", days=30, **more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("people", "state"):
        (tmp_path / name).mkdir()
    return parse(
        {
            "hostname": "backup1.example.org",
            "home": str(tmp_path),
            "machines": ["backup1.example.org"],
            "default_store": HERMES,
            "stores": [HERMES, HELIOS],
            "directory": {"uris": ["ldaps://l"], "bind_dn": "cn=x", "password": "x", "base": "o=x", "ca": "/ca.pem"},
            "mirroring": {"at_once": 3, "at_once_store": 2},
        }
    )


class Ways(Doors):
    """Ways that lead nowhere: what is done on them is the test's."""

    def __init__(self) -> None:
        """No loop, no authority."""

    @contextmanager
    def to(self, host: str) -> Iterator[Door]:
        """Open a way."""
        yield Door(host)


class Store:
    """Stands for refresh: remembers who was asked for, and answers as it is told."""

    def __init__(self, **faults: Exception) -> None:
        self.faults, self.asked, self.together, self._lock = faults, list[str](), dict[str, int](), threading.Lock()
        self._now: dict[str, int] = {}
        #: Of a store that is slow: each answer of its waits until somebody of another has been asked.
        self.slow, self._other = "", threading.Event()

    def __call__(self, settings: Settings, _: Door, person: Person, **__: bool) -> None:
        with self._lock:
            self.asked.append(person.uid)
            self._now[person.store] = self._now.get(person.store, 0) + 1
            self.together[person.store] = max(self.together.get(person.store, 0), self._now[person.store])
        if person.store != self.slow:
            self._other.set()
        elif not self._other.wait(10):
            raise AssertionError(f"nobody but people of {self.slow} was asked")
        time.sleep(0.01)
        with self._lock:
            self._now[person.store] -= 1
        if fault := self.faults.get(person.uid):
            raise fault
        settings.person(person.uid).mkdir(exist_ok=True)
        state.write(settings.person(person.uid) / pull.RECORD, {"passed": time.time(), "letters": 2})


def passed(settings: Settings, uid: str, at: float) -> None:
    settings.person(uid).mkdir()
    state.write(settings.person(uid) / pull.RECORD, {"passed": at})


def test_who_waited_longest_comes_first_and_who_has_no_mirror_before_all(settings: Settings) -> None:
    people = [somebody(uid) for uid in "abcde"]
    for uid, at in zip("abde", (400.0, 100.0, 300.0, 200.0), strict=True):
        passed(settings, uid, at)
    queue = Queue(sorted(people, key=lambda one: pull.record(settings, one.uid).get("passed", 0.0)), 9, time.monotonic() + 9)
    assert [one.uid for one in iter(queue.next, None)] == ["c", "b", "e", "d", "a"]


def test_a_store_serves_only_so_many_and_others_do_not_wait_for_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.slow = HERMES
    monkeypatch.setattr(mirror, "refresh", store)
    people = [somebody(f"a{number}") for number in range(8)] + [somebody(f"b{number}", HELIOS) for number in range(4)]
    outcome = mirror.mirror(settings, people, Ways())
    assert (outcome.passed, outcome.letters, outcome.fault) == (12, 24, "")
    assert store.together[HERMES] <= 2


def test_a_store_that_is_away_is_asked_once_and_the_others_go_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    away = {f"a{number}": pull.StoreAwayError("connection refused", 75) for number in range(8)}
    store = Store(**away)
    monkeypatch.setattr(mirror, "refresh", store)
    outcome = mirror.mirror(settings, [somebody(uid) for uid in away] + [somebody(f"b{n}", HELIOS) for n in range(4)], Ways())
    assert outcome.passed == 4
    assert len([uid for uid in store.asked if uid in away]) <= 2
    assert (outcome.away, outcome.left_out[HERMES]) == ({HERMES: "connection refused"}, 8)
    assert "hermes.example.org is away (connection refused): 8 people wait" in outcome.fault


def test_a_store_that_comes_back_is_asked_again_by_one_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(**{f"a{number}": pull.StoreAwayError("connection refused", 75) for number in range(6)})
    monkeypatch.setattr(mirror, "refresh", store)
    threading.Timer(0.5, store.faults.clear).start()
    outcome = mirror.mirror(settings, [somebody(f"a{number}") for number in range(6)], Ways(), again=(0.2, 0.2, 0.2, 0.2, 0.2))
    assert (outcome.passed, outcome.away, outcome.not_reached) == (6, {}, 0)
    assert len(store.asked) - 6 <= 2 + 3, "while it was away, one person asked at each attempt"


def test_a_store_that_stays_away_is_left_out_after_the_last_attempt(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(**{f"a{number}": pull.StoreAwayError("connection refused", 75) for number in range(6)})
    monkeypatch.setattr(mirror, "refresh", store)
    outcome = mirror.mirror(settings, [somebody(f"a{number}") for number in range(6)], Ways(), again=(0.1, 0.1))
    assert (outcome.passed, outcome.left_out[HERMES], outcome.not_reached) == (0, 6, 0)
    assert len(store.asked) <= 5


def test_one_persons_fault_is_theirs_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {"bad": DoveadmError("a folder is damaged", 65), "new": pull.AnotherError("another mailbox", 0)}
    monkeypatch.setattr(mirror, "refresh", Store(**faults, gone=pull.UnknownError("does not know gone", 67)))
    people = [somebody(uid) for uid in ("good", "bad", "new", "gone")]
    people += [somebody("x/y", refused="it contains / or @"), somebody("closed", deleted=True)]
    outcome = mirror.mirror(settings, people, Ways())
    assert (outcome.passed, outcome.faults, outcome.another) == (1, {"bad": "a folder is damaged"}, {"new": "another mailbox"})
    assert set(outcome.unknown) == {"gone", "closed"}
    assert outcome.refused == {"x/y": "it contains / or @"}
    told = outcome.detail() | mirror.behind(settings, people, time.time())
    assert (told["without_count"], told["faults_count"], told["refused_count"]) == (3, 1, 1)
    json.dumps(told)


def test_what_nobody_thought_of_is_one_persons_fault_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "refresh", Store(odd=KeyError("mailbox")))
    outcome = mirror.mirror(settings, [somebody("odd"), somebody("good")], Ways())
    assert (outcome.passed, outcome.faults) == (1, {"odd": "'mailbox'"})


def test_a_full_disk_ends_the_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(**{f"a{number}": FullError("5 MB free") for number in range(9)})
    monkeypatch.setattr(mirror, "refresh", store)
    outcome = mirror.mirror(settings, [somebody(f"a{number}") for number in range(9)], Ways())
    assert len(store.asked) <= 2
    assert "5 MB free" in outcome.fault


def test_nobody_begins_after_the_last_hour_and_nobody_is_lost() -> None:
    queue = Queue([somebody("a"), somebody("b")], 2, time.monotonic() - 1)
    assert queue.next() is None
    assert queue.left() == 2


def test_a_late_mirror_is_told(settings: Settings) -> None:
    now = time.time()
    passed(settings, "old", now - 3 * 86400)
    passed(settings, "new", now)
    told = mirror.behind(settings, [somebody("old"), somebody("new"), somebody("never")], now)
    assert (told["oldest"], list(told["late"]), list(told["without"])) == (["old", now - 3 * 86400], ["old"], ["never"])


def test_each_person_has_a_night_in_which_every_letter_is_looked_at(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = []
    for night in range(28):
        monkeypatch.setattr(time, "time", lambda night=night: (20000 + night) * 86400.0)
        nights.append(mirror._whole_due(settings, "joe"))
    assert nights.count(True) == 1


def test_anew_is_for_people_who_are_named(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert mirror._run(settings, argparse.Namespace(person=[], anew=True, check=False, json=False)) == 2
    assert "--person" in capsys.readouterr().err


def box(settings: Settings, uid: str, place: str, letters: dict[str, list[str]]) -> Path:
    """Make a Maildir with letters, by folder."""
    maildir = settings.person(uid) / place
    for name, guids in letters.items():
        folder = maildirs.make(maildir, name)
        lines = [f"3 V7 N{len(guids) + 1} Gguid-{name.replace(' ', '')}", *(f"{number} :{guid}" for number, guid in enumerate(guids, 1))]
        (folder / "dovecot-uidlist").write_text("\n".join(lines) + "\n")
        for guid in guids:
            (folder / "cur" / f"{guid}:2,S").write_text(guid)
    return maildir


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (pull.Box("guid-INBOX", 7, 3), True),
        (pull.Box("guid-INBOX", 7, 900), True),
        (pull.Box("guid-INBOX", 7, 2), False),
        (pull.Box("guid-INBOX", 8, 3), False),
        (pull.Box("other", 7, 3), False),
        (None, False),
    ],
)
def test_a_mailbox_that_began_anew_or_went_back_is_another(settings: Settings, there: pull.Box | None, same: bool) -> None:
    person = somebody("joe")
    maildir = box(settings, "joe", "mirror", {"INBOX": ["a", "b"]})
    found = {"INBOX": there} if there else {}
    if same:
        pull._same(maildir, found, person)
        return
    with pytest.raises(pull.AnotherError, match="--anew"):
        pull._same(maildir, found, person)


def files(place: Path) -> set[str]:
    return {str(one.relative_to(place)) for one in place.rglob("cur/*")}


@pytest.mark.parametrize("ended_after", ["nothing", "keeping", "first name"])
def test_a_new_mirror_takes_the_old_ones_place_and_loses_nothing_whenever_it_is_ended(settings: Settings, ended_after: str) -> None:
    home = settings.person("joe")
    box(settings, "joe", "mirror", {"INBOX": ["a", "b"], "Ordner/ä": ["c"]})
    box(settings, "joe", "mirror.new", {"INBOX": ["b"], "Neu": ["d"]})
    if ended_after != "nothing":
        pull._keep(home)
    if ended_after == "first name":
        (home / "mirror").rename(home / "mirror.old")
    else:
        pull._keep(home)
        pull._swap(home)
    pull._finish_swap(home)
    assert files(home / "mirror") == {"cur/b:2,S", ".Neu/cur/d:2,S"}
    assert files(home / "removed") == {".of.INBOX/cur/a:2,S", ".of.Ordner.&AOQ-/cur/c:2,S"}
    assert not list(home.glob("mirror.*"))
