"""Purge and learning, on a real MariaDB."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.quarantine.quarantine import items
from services.quarantine.quarantine.acts import Reviewer
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.errors import BusyError, QuarantineError
from services.quarantine.quarantine.jobs import job, known
from services.quarantine.quarantine.learn import learn
from services.quarantine.quarantine.purge import Purge
from tests.private_mariadb import PrivateMariadb
from tests.quarantine_letters import file, rows

ALL = items.Scope()
TABLES = ("msgs", "msgrcpt", "quarantine")


def present(root: Database, mails: list[str]) -> list[bool]:
    """Tell of each letter whether it is there, and fail when it is there in part."""
    found = []
    for mail in mails:
        counts = [rows(root, table, mail) for table in TABLES]
        assert all(counts) or not any(counts), f"{mail} is there in part: {counts}"
        found.append(all(counts))
    return found


def test_each_class_has_its_age(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    kinds = "VBSMHUOTCY"
    young = [file(filing, content=kind, days=4) for kind in kinds]
    middle = [file(filing, content=kind, days=6) for kind in kinds]
    old = [file(filing, content=kind, days=31) for kind in kinds]
    done = Purge(root, clean.admin(days={"virus": 60, "spam": 5})).run()
    assert present(root, young) == [True] * 10
    assert present(root, middle) == [kind not in "CSY" for kind in kinds]
    assert present(root, old) == [kind == "V" for kind in kinds]
    assert done.messages == {"banned": 1, "spam": 4, "badheader": 2, "unchecked": 1, "oversized": 1, "error": 1, "clean": 2}
    assert root.value("SELECT COUNT(*) FROM purged") == done.total == 12


def test_records_without_a_copy_and_unfinished_ones_go_sooner(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    mails = [file(filing, content="C", copy=False, delivered=True, days=days) for days in (4, 6)]
    spam = file(filing, content="S", copy=False, days=6)
    unfinished = [file(filing, finished=False, copy=copy, days=days) for copy, days in ((False, 1), (False, 3), (True, 3), (True, 31))]
    Purge(root, clean.admin()).run()
    assert [rows(root, "msgs", mail) for mail in (*mails, spam, *unfinished)] == [1, 0, 0, 1, 0, 1, 0]
    assert [rows(root, "quarantine", mail) for mail in unfinished] == [0, 0, 1, 0]


def test_the_oldest_go_when_a_class_is_too_large(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    spam = [file(filing, content="SY"[day % 2], days=day, size=1 << 20) for day in range(10)]
    virus = file(filing, content="V", days=20, size=30 << 20)
    done = Purge(root, clean.admin(megabytes={"spam": 4})).run()
    assert present(root, spam) == [day < 4 for day in range(10)]
    assert present(root, [virus]) == [True]
    assert done.size == 6 << 20


def test_what_everybody_deleted_goes_when_it_was_learned(
    clean: PrivateMariadb, filing: Database, root: Database, reviewing: Database
) -> None:
    both = ("al@madstop.test", "bo@madstop.test")
    half, whole, confirmed, waiting = (file(filing, both if number < 2 else both[:1]) for number in range(4))
    reviewer = Reviewer(reviewing, "admin", ALL)
    reviewer.delete(reviewer.choose(half, both[:1])[0])
    for item in reviewer.choose(whole, every=True):
        reviewer.delete(item)
    for mail in (confirmed, waiting):
        reviewer.confirm(reviewer.choose(mail)[0])
    root.run("UPDATE learn SET state = 'learned' WHERE mail_id = %s", (confirmed.encode(),))
    Purge(root, clean.admin()).run()
    assert present(root, [half, whole, confirmed, waiting]) == [True] * 4  # not before a day has passed
    root.run("UPDATE disposal SET at = at - INTERVAL 2 DAY")
    Purge(root, clean.admin()).run()
    assert present(root, [half, whole, confirmed, waiting]) == [True, False, False, True]


@pytest.mark.parametrize("content", ["C", "B"])
def test_a_copy_of_what_everybody_has_waits_for_everybody(
    clean: PrivateMariadb, filing: Database, root: Database, reviewing: Database, content: str
) -> None:
    both = ("al@madstop.test", "bo@madstop.test")
    copy, loved = file(filing, both, content=content, delivered=True), file(filing, both)
    root.run("UPDATE msgrcpt SET ds = 'P' WHERE mail_id = %s AND rseqnum = 2", (loved.encode(),))
    reviewer = Reviewer(reviewing, "admin", ALL)
    for mail in (copy, loved):
        reviewer.delete(reviewer.choose(mail, both[:1])[0])
    root.run("UPDATE disposal SET at = at - INTERVAL 2 DAY")
    Purge(root, clean.admin()).run()
    assert present(root, [copy, loved]) == [True, False]
    reviewer.delete(reviewer.choose(copy, both[1:])[0])
    Purge(root, clean.admin()).run()
    assert present(root, [copy]) == [False]


def test_a_letter_that_is_purged_is_not_learned(clean: PrivateMariadb, filing: Database, root: Database, reviewing: Database) -> None:
    mail = file(filing, days=31)
    reviewer = Reviewer(reviewing, "admin", ALL)
    reviewer.confirm(reviewer.choose(mail)[0])
    Purge(root, clean.admin()).run()
    assert root.rows("SELECT state, reason FROM learn") == [("failed", "purged before it was learned")]


def test_addresses_of_weeks_that_are_over_go_when_nobody_names_them(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    file(filing, ("young@madstop.test",), content="C", days=6, delivered=True)
    file(filing, ("old@madstop.test",), days=40, sender="gone@elsewhere.test")
    kept = file(filing, ("kept@madstop.test",), days=25)
    orphan = file(filing, ("orphan@madstop.test",), days=40)
    root.run("DELETE FROM msgs WHERE mail_id = %s", (orphan.encode(),))
    done = Purge(root, clean.admin()).run()
    left = {bytes(email).decode() for (email,) in root.rows("SELECT email FROM maddr")}
    # Of the running week nothing goes: amavis may be about to use it.
    assert left == {"young@madstop.test", "mallory@elsewhere.test", "kept@madstop.test"}
    assert present(root, [kept, orphan]) == [True, False]
    assert done.orphans == 2


def test_a_heavy_letter_goes_in_steps(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    file(filing, text=b"Subject: heavy\n\n" + b"x" * (6 << 20), days=31)
    assert Purge(root, clean.admin()).run().total == 1
    assert root.value("SELECT COUNT(*) FROM quarantine") == 0


def test_inserts_go_on_while_many_rows_are_purged(clean: PrivateMariadb, root: Database) -> None:
    fill(clean, 12_000)
    waits: list[float] = []
    stop = threading.Event()

    def insert() -> None:
        with clean.account("content_filter") as database:
            while not stop.is_set():
                begun = time.monotonic()
                file(database)
                waits.append(time.monotonic() - begun)
                time.sleep(0.005)

    writer = threading.Thread(target=insert)
    writer.start()
    try:
        done = Purge(root, clean.admin()).run()
    finally:
        stop.set()
        writer.join()
    assert done.total == 12_000
    assert done.longest < 2
    assert len(waits) > 10
    assert max(waits) < 2, "an insert waited"
    assert root.value("SELECT COUNT(*) FROM msgs") == len(waits)


def fill(server: PrivateMariadb, count: int) -> None:
    """Fill the quarantine with old letters, faster than one by one."""
    old = int(time.time()) - 40 * 86400
    script = f"""
        INSERT INTO maddr (partition_tag, email, domain) VALUES (202001, 'x@madstop.test', 'test.madstop');
        SET @id = LAST_INSERT_ID();
        INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, sid, size, content, quar_type, host)
          SELECT 202001, SUBSTRING(SHA2(seq, 256), 1, 12), 'secret', 'x', {old} + seq DIV 10, '', @id, 1000, 'S', 'Q', 'mx1'
          FROM seq_1_to_{count};
        INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, content, ds, rs)
          SELECT partition_tag, mail_id, 1, @id, 'S', 'D', ' ' FROM msgs;
        INSERT INTO quarantine SELECT partition_tag, mail_id, 1, REPEAT('x', 1000) FROM msgs;
        """  # noqa: S608  two numbers of this file
    server.tool("quarantine", stdin=script)


def test_a_purge_that_is_killed_leaves_nothing_half_done(clean: PrivateMariadb, root: Database) -> None:
    fill(clean, 8_000)
    code = (
        "import sys; sys.path[:0] = sys.argv[1].split(':'); from quarantine.purge import Purge; from quarantine.settings import Admin;"
        " from quarantine.database import by_socket; Purge(by_socket(sys.argv[2], sys.argv[3], 'quarantine'), Admin()).run()"
    )
    services = Path(__file__).resolve().parents[2] / "services"
    packages = f"{services / 'quarantine'}:{services / 'posthouse'}"
    killed = subprocess.Popen([sys.executable, "-c", code, packages, str(clean.home / "sock"), clean.user])
    while root.value("SELECT COUNT(*) FROM msgs") > 6_000:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    deadline = time.monotonic() + 10
    while len(set(numbers := [root.value(f"SELECT COUNT(*) FROM {table}") for table in TABLES])) > 1:  # noqa: S608  our three tables
        assert time.monotonic() < deadline, numbers  # the server undoes the last step when it notices
        time.sleep(0.05)
    assert 0 < numbers[0] <= 6_000
    assert Purge(root, clean.admin()).run().total == numbers[0]


@pytest.mark.parametrize("table", ["msgrcpt", "disposal", "msgs"])
def test_a_step_that_breaks_off_is_undone(
    clean: PrivateMariadb, filing: Database, root: Database, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    mails = [file(filing, days=31) for _ in range(3)]
    run = Database.run

    def broken(self: Database, statement: str, values: Sequence[Any] = ()) -> int:
        if statement.split()[:3] == ["DELETE", "FROM", table]:
            raise QuarantineError("so it was")
        return run(self, statement, values)

    monkeypatch.setattr(Database, "run", broken)
    with pytest.raises(QuarantineError, match="so it was"):
        Purge(root, clean.admin()).run()
    assert present(root, mails) == [True] * 3
    assert root.value("SELECT COUNT(*) FROM purged") == 0


def test_a_job_says_how_it_ended(root: Database) -> None:
    with job(root, "purge") as detail:
        detail["messages"] = 3
    with pytest.raises(ZeroDivisionError), job(root, "purge"):
        raise ZeroDivisionError("so it was")
    found = known(root)["purge"]
    assert (found["state"], found["detail"]["fault"]) == ("failed", "so it was")
    assert found["fine"]


def test_each_verdict_is_learned_once(clean: PrivateMariadb, filing: Database, root: Database, reviewing: Database, tmp_path: Path) -> None:
    teacher = tmp_path / "sa-learn"
    teacher.write_text(
        "#!/bin/sh\nkind=$1; shift 2; for file; do if grep -q poison $file; then echo broken >&2; exit 2; fi;"
        f' echo "$kind $(grep -c X-Envelope $file) $(tail -1 $file)" >> {tmp_path}/log; done\n'
        'echo "Learned tokens from $# message(s) ($# message(s) examined)"\n'
    )
    teacher.chmod(0o755)
    settings = clean.review(learn_command=[str(teacher)], learn_tries=2, learn_largest=5000)
    reviewer = Reviewer(reviewing, "admin", ALL)
    spam, ham, bad, large = file(filing), file(filing), file(filing, text=b"\npoison\n"), file(filing, text=b"\n" + b"x" * 6000)
    for mail in (spam, bad, large):
        reviewer.confirm(reviewer.choose(mail)[0])
    reviewer.approve(reviewer.choose(ham)[0])
    first = learn(reviewing, settings)
    assert (first.learned, first.waiting, first.skipped, first.failed) == (2, 1, 1, 0)
    # A batch in which one fails is tried one by one; sa-learn knows what it has learned already.
    assert set((tmp_path / "log").read_text().splitlines()) == {"--ham 0 Buy now.", "--spam 0 Buy now."}
    second = learn(reviewing, settings)
    assert (second.learned, second.waiting, second.failed) == (0, 0, 1)
    reasons = {bytes(one): str(reason) for one, reason in root.rows("SELECT mail_id, reason FROM learn WHERE state = 'failed'")}
    assert "broken" in reasons[bad.encode()]
    assert "larger" in reasons[large.encode()]
    reviewer.approve(reviewer.choose(spam)[0])  # somebody knows better: it is learned again, the other way
    assert learn(reviewing, settings).learned == 1
    assert learn(reviewing, settings).learned == 0
    with root.lock("posthouse.quarantine.learn"), pytest.raises(BusyError):
        learn(reviewing, settings)
