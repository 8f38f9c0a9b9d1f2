"""What is fetched replaces what is served only when rbldnsd can read it and it has not lost too much."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.blocklists.blocklists import fetch
from services.blocklists.blocklists.fetch import Fetcher, FetchError, Read
from services.blocklists.blocklists.settings import Mirror, Settings, parse

GOOD = "".join(f"198.51.100.{number}\n" for number in range(20))


class Feed:
    """A feed in a folder, fetched by rsync, or copied where there is none; rbldnsd's answer is a count of lines here."""

    def __init__(self, folder: Path) -> None:
        self.source, self.served = folder / "feed", folder / "mirror" / "a.test.ip4set.0"
        self.served.parent.mkdir()
        self.served.touch()
        self.folder = folder
        self.told: list[str] = []

    def settings(self) -> Settings:
        mirror = {"zone": "a.test", "type": "ip4set", "source": str(self.source), "file": str(self.served)}
        return parse({"state": str(self.folder), "mirrors": [mirror]})

    def fetch(self, text: str | None = None, accept_loss: bool = False, dry: bool = False) -> dict[str, Any]:
        if text is not None:
            self.source.write_text(text)
        fetcher = Fetcher(self.settings(), {}, lambda _, said: self.told.append(said), dry)
        return fetcher.fetch([], accept_loss)[0]


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feed:
    def copied(fetcher: Fetcher, mirror: Mirror) -> Path:
        if not Path(mirror.source).exists():
            raise FetchError(f"rsync: there is no {mirror.source}")
        return Path(shutil.copy(mirror.source, fetcher.incoming / Path(mirror.file).name))

    if not shutil.which("rsync"):
        monkeypatch.setattr(Fetcher, "_download", copied)

    def count(_: Mirror, file: Path) -> Read:
        lines = file.read_text(errors="replace").splitlines()
        good = [line for line in lines if line.startswith("198.")]
        return Read(len(good), len(lines) - len(good))

    monkeypatch.setattr(fetch, "read_by_rbldnsd", count)
    return Feed(tmp_path)


def test_a_good_file_is_served(feed: Feed) -> None:
    told = feed.fetch(GOOD)
    assert (told["state"], told["entries"], told["fault"]) == ("current", 20, "")
    assert feed.served.read_text() == GOOD
    again = feed.fetch()
    assert again["changed"] == told["changed"], "the same file again is no change"
    assert again["fetched"] > told["fetched"]
    assert feed.told == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no entry"),
        ("<html><body>404 not found</body></html>\n", "holds no entry"),
        (GOOD + "garbage\n" * 11, "cannot read 11 lines"),
        ("198.51.100.1\n" * 9, "9 entries instead of 20"),
    ],
)
def test_what_is_not_believed_replaces_nothing(feed: Feed, text: str, said: str) -> None:
    feed.fetch(GOOD)
    for _ in range(2):
        told = feed.fetch(text)
    assert told["state"] == "stale"
    assert said in told["fault"]
    assert feed.served.read_text() == GOOD
    assert len(feed.told) == 1, "it is told once"
    assert "the last good copy serves" in feed.told[0]
    assert feed.fetch(GOOD)["state"] == "current"
    assert feed.told[1] == "a.test is fetched again"


def test_a_feed_that_is_away(feed: Feed) -> None:
    told = feed.fetch()
    assert told["state"] == "never fetched"
    assert told["fault"].startswith("rsync: ")
    assert "there is no copy yet" in feed.told[0]


def test_a_loss_may_be_accepted(feed: Feed) -> None:
    feed.fetch(GOOD)
    assert feed.fetch("198.51.100.1\n", accept_loss=True)["entries"] == 1


def test_a_dry_run_serves_and_remembers_nothing(feed: Feed) -> None:
    assert feed.fetch(GOOD, dry=True)["entries"] == 20
    assert feed.served.read_text() == ""
    assert not (feed.folder / "fetched.json").exists()
    assert feed.told == []


def test_a_key_is_for_one_run_and_a_password_in_no_command(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], str, str]] = []

    def run(command: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        key = next((word.split(" -i ")[1].split()[0] for word in command if word.startswith("--rsh=")), "")
        seen.append((command, env.get("RSYNC_PASSWORD", ""), Path(key).read_text() + oct(Path(key).stat().st_mode)[-3:] if key else ""))
        return subprocess.CompletedProcess(command, 1, "", "no such host")

    monkeypatch.undo()
    monkeypatch.setattr(subprocess, "run", run)
    for source in ("rsync://us@feed.test/lists/a", "us@feed.test:lists/a"):
        mirror = {"zone": "a.test", "type": "ip4set", "source": source, "file": str(feed.served)}
        settings = parse({"state": str(feed.folder), "mirrors": [mirror]})
        told = Fetcher(settings, {"a.test": "the-secret"}, lambda *_: None).fetch([])[0]
        assert "no such host" in told["fault"]
    assert [(password, key) for _, password, key in seen] == [("the-secret", ""), ("", "the-secret\n600")]
    assert not any("the-secret" in word for command, _, _ in seen for word in command)
    assert not Path(next(word for word in seen[1][0] if word.startswith("--rsh=")).split(" -i ")[1].split()[0]).exists()


def test_what_rbldnsd_says_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words, as version 1.0 of Debian 13 prints them; tests/faults asks the program itself."""
    said = """\
rbldnsd: file feed(2): invalid address
rbldnsd: file feed(9): invalid address
rbldnsd: ip4set:feed: 13 more warnings suppressed
; zone dump made Sun Nov 22 19:22:09 2026
$ORIGIN\tbl.test.
@\t300\tSOA\tlocalhost.\thostmaster.localhost.\t(1795375329 3600 900 604800 300)
\t300\tNS\tlocalhost.
*.10\tA\t127.0.0.2
2.0.0.127\tA\t127.0.0.2
\tTXT\t"A fine day"
"""
    program = tmp_path / "rbldnsd"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    program.chmod(0o755)
    monkeypatch.setattr(fetch, "RBLDNSD", str(program))
    mirror = Mirror(zone="bl.test", type="ip4set", source="", file="")
    assert fetch.read_by_rbldnsd(mirror, tmp_path / "feed") == Read(entries=2, bad=15)
    program.write_text("#!/bin/sh\necho 'rbldnsd: file feed: unable to open file'; exit 1\n")
    with pytest.raises(FetchError, match="rbldnsd: file feed: unable to open file"):
        fetch.read_by_rbldnsd(mirror, tmp_path / "feed")
