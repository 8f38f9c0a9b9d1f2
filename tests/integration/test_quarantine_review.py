"""List, show, release, confirm, delete: on a real MariaDB, with a filter that says what a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.quarantine.quarantine import items, listing
from services.quarantine.quarantine.acts import Reviewer, filter_release
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.errors import (
    AlreadyError,
    AwayError,
    BusyError,
    NotYoursError,
    PurgedError,
    QuarantineError,
    UncertainError,
    UnknownError,
    UsageError,
)
from services.quarantine.quarantine.purge import Purge
from services.quarantine.quarantine.statistics import totals
from tests.private_mariadb import PrivateMariadb
from tests.quarantine_filter import SENT, Filter
from tests.quarantine_letters import file

TWO = ("al@madstop.test", "bo@madstop.test")
ALL = items.Scope()


@pytest.fixture
def amavis(tmp_path: Path) -> Iterator[Filter]:
    served = Filter(tmp_path / "socket")
    yield served
    served.close()


@pytest.fixture
def reviewer(clean: PrivateMariadb, reviewing: Database, amavis: Filter) -> Reviewer:
    return Reviewer(reviewing, "admin@mx1", ALL, filter_release(clean.review(filter_socket=str(amavis.path), release_timeout=5.0)))


def of(reviewing: Database, address: str, amavis: Filter | None = None, server: PrivateMariadb | None = None) -> Reviewer:
    release = filter_release(server.review(filter_socket=str(amavis.path))) if amavis and server else None
    return Reviewer(reviewing, address, items.person([address]), release)


def audit(root: Database) -> list[tuple[str, str, str]]:
    return [
        (str(act), str(result), bytes(to).decode()) for act, result, to in root.rows("SELECT act, result, recipient FROM audit ORDER BY id")
    ]


def test_a_release_names_one_recipient_and_the_secret_leaves_no_trace(
    filing: Database, root: Database, reviewer: Reviewer, amavis: Filter
) -> None:
    mail = file(filing, TWO)
    (item,) = reviewer.choose(mail, ("bo@madstop.test",))
    done = reviewer.release(item)
    assert (done.result, done.detail) == ("released", "250 2.0.0")
    (asked,) = amavis.requests
    assert asked[0] == ("request", b"release")
    assert [value for name, value in asked if name == "recipient"] == [b"<bo@madstop.test>"]
    secret = root.value("SELECT secret_id FROM msgs")
    assert dict(asked)["secret_id"] == secret
    assert dict(asked)["quar_type"] == b"Q"
    assert root.rows("SELECT rseqnum, rs FROM msgrcpt ORDER BY 1") == [(1, ""), (2, "R")]
    assert audit(root) == [("release", "begun", "bo@madstop.test"), ("release", "released", "bo@madstop.test")]
    assert root.rows("SELECT verdict, state FROM learn") == [("ham", "waiting")]
    with pytest.raises(AlreadyError, match="released already"):
        reviewer.release(item)
    assert len(amavis.requests) == 1
    reviewer.release(item, again=True)
    assert len(amavis.requests) == 2
    assert bytes(secret).decode() not in repr(root.rows("SELECT * FROM audit")) + repr(done) + repr(item.as_json())


def test_of_two_releases_at_once_one_sends(clean: PrivateMariadb, filing: Database, root: Database, amavis: Filter) -> None:
    mail = file(filing)
    arrived, go = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        assert go.wait(10)

    amavis.before = hold
    outcomes: list[str] = []

    def release() -> None:
        with clean.account("review") as database:
            reviewer = Reviewer(database, "one", ALL, filter_release(clean.review(filter_socket=str(amavis.path))))
            try:
                outcomes.append(reviewer.release(reviewer.choose(mail)[0]).result)
            except QuarantineError as fault:
                outcomes.append(fault.word)

    first = threading.Thread(target=release)
    first.start()
    assert arrived.wait(10)
    release()  # while the first one waits for its answer
    assert outcomes == ["busy"]
    go.set()
    first.join()
    assert outcomes == ["busy", "released"]
    assert len(amavis.requests) == 1
    assert root.value("SELECT rs FROM msgrcpt") == "R"


def test_a_filter_that_is_away_or_refuses_undoes_the_claim(filing: Database, root: Database, reviewer: Reviewer, amavis: Filter) -> None:
    (item,) = reviewer.choose(file(filing))
    for answer, kind in (
        (
            b"setreply=450 4.5.0 Failure:%20/usr/share/perl5/Amavis.pm%20line%207\r\nreturn_value=tempfail\r\nexit_code=75\r\n\r\n",
            AwayError,
        ),
        (b"setreply=554 5.4.6 Too%20many%20hops\r\n\r\n", QuarantineError),
        (b"setreply=250 2.5.0 No%20recipients%2C%20nothing%20to%20do\r\n\r\n", QuarantineError),
    ):
        amavis.answer = answer
        with pytest.raises(kind) as fault:
            reviewer.release(item)
        assert "perl" not in str(fault.value)
        assert root.value("SELECT rs FROM msgrcpt") == ""
    amavis.close()
    amavis.path.unlink()
    with pytest.raises(AwayError, match="does not answer"):
        reviewer.release(item)
    assert root.value("SELECT rs FROM msgrcpt") == ""
    assert [result for _, result, _ in audit(root)][1::2] == ["away", "failed", "failed", "away"]
    assert root.rows("SELECT * FROM learn") == []


def test_a_release_that_was_cut_off_is_said_and_not_repeated_unasked(
    filing: Database, root: Database, reviewer: Reviewer, amavis: Filter
) -> None:
    (item,) = reviewer.choose(file(filing))
    amavis.answer = b"setreply=2"
    with pytest.raises(UncertainError):
        reviewer.release(item)
    assert root.value("SELECT rs FROM msgrcpt") == "p"
    assert listing.listed(reviewer._database, ALL, listing.Filter())[0][0].state == "pending"
    amavis.answer = SENT
    with pytest.raises(UncertainError, match="cut off"):
        reviewer.release(item)
    with pytest.raises(UncertainError):
        reviewer.delete(item)
    assert reviewer.release(item, again=True).result == "released"
    assert root.value("SELECT rs FROM msgrcpt") == "R"


def test_errors_tell_apart_what_is_wrong(
    clean: PrivateMariadb, filing: Database, root: Database, reviewing: Database, reviewer: Reviewer
) -> None:
    mail, old = file(filing, TWO), file(filing, days=31)
    passed = file(filing, content="C", copy=False, delivered=True)
    with pytest.raises(UsageError, match="no id"):
        reviewer.choose("../../etc/passwd")
    with pytest.raises(UsageError, match="2 recipients"):
        reviewer.choose(mail)
    with pytest.raises(UsageError, match="is not for cy@"):
        reviewer.choose(mail, ("cy@madstop.test",))
    with pytest.raises(UnknownError):
        reviewer.choose("AAAAAAAAAAAA")
    with pytest.raises(NotYoursError):
        of(reviewing, "cy@madstop.test").choose(mail)
    with pytest.raises(PurgedError, match="no copy"):
        reviewer.choose(passed)
    Purge(root, clean.admin()).run()
    with pytest.raises(PurgedError, match="was purged on"):
        reviewer.choose(old)
    root.run("DELETE FROM quarantine")
    with pytest.raises(PurgedError):
        reviewer.release(reviewer.choose(mail, TWO[:1])[0])
    assert (
        len({fault.code for fault in (UsageError, UnknownError, NotYoursError, PurgedError, AlreadyError, UncertainError, BusyError)}) == 7
    )


def test_a_person_sees_only_own_items_with_extensions(filing: Database, reviewing: Database) -> None:
    mail = file(filing, TWO)
    extended = file(filing, ("al+news@madstop.test",))
    file(filing, ("alx@madstop.test",))
    al = of(reviewing, "Al@madstop.test")
    found, _ = listing.listed(reviewing, al._scope, listing.Filter())
    assert {(one.id, one.recipient) for one in found} == {(mail, "al@madstop.test"), (extended, "al+news@madstop.test")}
    assert [one.recipient for one in al.choose(mail, every=True)] == ["al@madstop.test"]
    answer = totals(reviewing, al._scope)
    assert answer["items"] == 2
    assert "learn" not in answer


def test_list_filters_and_pages(filing: Database, reviewing: Database) -> None:
    letters = [file(filing, TWO, days=day, subject=f"letter {day} 100%_sure") for day in range(5)]
    virus = file(filing, content="V", days=1)
    clean = file(filing, content="C", delivered=True)
    seen, mark = [], ""
    while True:
        page, mark = listing.listed(reviewing, ALL, listing.Filter(limit=3, after=mark))
        seen += [(one.id, one.recipient) for one in page]
        if not mark:
            break
    assert len(seen) == len(set(seen)) == 11
    assert [one for one, _ in seen if one in letters] == [one for one in letters for _ in TWO]

    def ids(**wanted: object) -> set[str]:
        return {one.id for one in listing.listed(reviewing, ALL, listing.Filter(**wanted))[0]}  # type: ignore[arg-type]  # a test's own words

    assert ids(classes=("virus",)) == {virus}
    assert ids(classes=("clean",)) == {clean}
    assert ids(states=("delivered",)) == {clean}
    assert ids(text="LETTER 3 100%_") == {letters[3]}
    assert ids(text="%") == set(letters)
    assert ids(recipient="bo@") == set(letters)
    assert ids(sender="MALLORY@elsewhere") == {*letters, virus}
    assert ids(sender="nobody") == set()
    with pytest.raises(UsageError):
        ids(after="nonsense")
    with pytest.raises(UsageError):
        ids(classes=("spm",))


def test_confirm_hides_and_queues_and_delete_marks(filing: Database, root: Database, reviewer: Reviewer) -> None:
    first, second = file(filing), file(filing)
    reviewer.confirm(reviewer.choose(first)[0])
    reviewer.delete(reviewer.choose(second)[0])
    assert listing.listed(reviewer._database, ALL, listing.Filter())[0] == []
    assert {one.state for one in listing.listed(reviewer._database, ALL, listing.Filter(states=items.STATES))[0]} == {
        "confirmed",
        "deleted",
    }
    assert root.rows("SELECT verdict, state, mail_id FROM learn") == [("spam", "waiting", first.encode())]
    for act in (reviewer.confirm, reviewer.delete, reviewer.release):
        with pytest.raises(AlreadyError):
            act(reviewer.choose(first)[0])
    assert audit(root) == [("confirm", "confirmed", TWO[0]), ("delete", "deleted", TWO[0])]


def test_show_reveals_no_other_recipient_and_notes_who_looked(
    filing: Database, root: Database, reviewing: Database, reviewer: Reviewer
) -> None:
    mail = file(filing, TWO)
    found, shown = of(reviewing, "bo@madstop.test").look(mail)
    assert [one.recipient for one in found] == ["bo@madstop.test"]
    assert ("Subject", "cheap pills") in shown.headers
    assert shown.text.strip() == "Buy now."
    assert shown.rules[0] == ("GTUBE", 10.0)
    raw = b"".join(of(reviewing, "bo@madstop.test").raw(mail))
    assert b"X-Envelope" not in raw
    assert raw.endswith(b"Buy now.\n")
    assert root.rows("SELECT rs FROM msgrcpt ORDER BY rseqnum") == [("",), ("V",)]
    reviewer.look(mail)
    assert root.row("SELECT actor, act FROM audit ORDER BY id") == ("bo@madstop.test", "show")
    assert root.value("SELECT COUNT(*) FROM audit WHERE actor = 'admin@mx1'") == 2


def test_a_long_letter_is_read_whole(filing: Database, reviewer: Reviewer) -> None:
    body = b"".join(b"line %07d\n" % number for number in range(200_000))
    mail = file(filing, text=b"X-Envelope-To: <al@madstop.test>\nSubject: long\n\n" + body)
    assert b"".join(reviewer.raw(mail)) == b"Subject: long\n\n" + body
    _, shown = reviewer.look(mail)
    assert shown.cut or len(shown.text) == len(body)
