"""What bench/backup sends, and what it makes of its counters."""

from __future__ import annotations

import email
import io
import tarfile

import pytest

from bench.backup.letters import letters
from bench.backup.returning import Returned, on_paper
from bench.backup.space import Format, as_table
from bench.backup.store import person_of, seconds_of
from bench.mail.delivery import without_sockets


def test_letters_are_always_the_same_and_of_the_size_that_they_are_said_to_have() -> None:
    some = list(letters(200, 1))
    assert some == list(letters(200, 1))
    assert some != list(letters(200, 2))
    assert 30_000 < sum(map(len, some)) / len(some) < 70_000
    assert {email.message_from_bytes(one).get_content_type() for one in some} == {"text/plain", "text/html", "multipart/mixed"}
    assert len({email.message_from_bytes(one)["Message-ID"] for one in some}) == 200
    assert not any(b"\r" in one for one in some)


def test_a_mailbox_as_a_mailstore_has_it() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        size = person_of(archive, 3, 10)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        entries = archive.getmembers()
    files = [one for one in entries if one.isfile()]
    assert len(files) == 10
    assert sum(one.size for one in files) == size
    assert all(f",S={one.size}," in one.name for one in files)
    assert {one.name.rpartition("/")[0] for one in files} == {"bench3/Maildir/cur", "bench3/Maildir/.Archive/cur"}
    assert {one.name for one in entries if one.isdir()} >= {"bench3", "bench3/Maildir/.Archive/new"}
    assert len({one.uid for one in entries}) == 1


@pytest.mark.parametrize(("line", "seconds"), [("0m1.250s 0m0.250s", 1.5), ("2m0.000s 0m3.000s", 123.0)])
def test_times_of_the_shell(line: str, seconds: float) -> None:
    assert seconds_of(line) == seconds


def test_the_talks_mail_on_paper() -> None:
    words = on_paper(Returned([], size=50_000_000, cores=5.0))
    assert words.startswith("the talk's 3.6 TB at 10.0 MB a second of a core: 1 cores 4.2 days, 2 cores 2.1 days, 8 cores 12 hours")
    assert on_paper(Returned([], 1, 0.0)) == "no processor time was counted"


def test_the_table_of_formats() -> None:
    head, row = as_table(1_000_000, [Format("Maildir, zstd 3", 700_000, 12, 0.5, 0.25)]).splitlines()
    assert head.split()[:3] == ["format", "GB", "a"]
    assert row.split()[-4:] == ["0.70", "12", "2.0", "4.0"]


def test_a_second_dovecot_takes_no_place_of_the_first() -> None:
    config = """service lmtp {
  unix_listener /run/lmtp {
    mode = 0600
  }
}
service doveadm {
  inet_listener backup {
    port = 2529
  }
}
"""
    assert without_sockets(config) == config.replace("0600", "0").replace("2529", "0")
