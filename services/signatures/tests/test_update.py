"""A run: what is good comes into use, what is broken never does, and clamd is seen to serve it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.signatures.signatures import command, databases, sets, update
from services.signatures.signatures.settings import Settings

from .conftest import FakeClamd, program, signature


def in_use(settings: Settings) -> dict[str, str]:
    return {path.name: path.read_text() for path in settings.active.iterdir() if path.name != databases.OURS}


def test_the_first_run_makes_a_set_with_the_probe(settings: Settings) -> None:
    record = update.run(settings)
    assert in_use(settings) == {"site.ndb": signature("Site.One", "first bad thing")}
    assert databases.PROBE_NAME in (settings.active / databases.OURS).read_text()
    assert record.files["site.ndb"].signatures == 1


def test_a_run_with_nothing_new_changes_nothing(settings: Settings) -> None:
    update.run(settings)
    before = sets.active(settings)
    update.run(settings)
    assert sets.active(settings) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("broken\n", "Problem parsing"),
        ("", "it is empty"),
        (signature("Site.Wide", "Message-ID:"), "a clean mail is called infected: Site.Wide.UNOFFICIAL"),
    ],
)
def test_a_broken_database_never_replaces_a_good_one(settings: Settings, local: Path, content: str, reason: str) -> None:
    update.run(settings)
    good = in_use(settings)
    (local / "site.ndb").write_text(content)
    record = update.run(settings)
    assert in_use(settings) == good
    assert reason in record.files["site.ndb"].reason
    (local / "site.ndb").write_text(signature("Site.Two", "second bad thing"))
    record = update.run(settings)
    assert "Site.Two" in in_use(settings)["site.ndb"]
    assert record.files["site.ndb"].reason == ""


def test_a_broken_database_holds_up_no_other(settings: Settings, local: Path) -> None:
    update.run(settings)
    (local / "bad.ndb").write_text("broken\n")
    (local / "new.ndb").write_text(signature("Site.New", "third bad thing"))
    record = update.run(settings)
    assert set(in_use(settings)) == {"site.ndb", "new.ndb"}
    assert record.files["bad.ndb"].reason


def test_databases_that_do_not_work_together_stay_out(settings: Settings, local: Path, programs: Path) -> None:
    update.run(settings)
    good = in_use(settings)
    scan = (programs / "clamscan").read_text()
    program(programs, "clamscan", scan.replace("if any(", "if len(list(pathlib.Path(folder).iterdir())) > 2 or any("))
    (local / "new.ndb").write_text(signature("Site.New", "third bad thing"))
    record = update.run(settings)
    assert in_use(settings) == good
    assert "do not work together" in record.fault
    assert not list(settings.sets.glob("*.new"))


def test_a_great_loss_is_not_believed_unless_said_so(settings: Settings, local: Path) -> None:
    (local / "site.ndb").write_text("".join(signature(f"Site.N{number}", f"bad thing {number}") for number in range(10)))
    update.run(settings)
    (local / "site.ndb").write_text(signature("Site.One", "first bad thing"))
    record = update.run(settings)
    assert "10" not in record.files["site.ndb"].reason
    assert "5 were expected" in record.files["site.ndb"].reason
    record = update.run(settings, accept_loss=True)
    assert record.files["site.ndb"].signatures == 1
    assert record.files["site.ndb"].reason == ""


def test_a_database_that_is_taken_away_is_used_no_more(settings: Settings, local: Path) -> None:
    (local / "more.ndb").write_text(signature("Site.More", "another bad thing"))
    update.run(settings)
    (local / "more.ndb").unlink()
    update.run(settings)
    assert set(in_use(settings)) == {"site.ndb"}


def test_a_set_that_was_damaged_is_made_anew(settings: Settings) -> None:
    update.run(settings)
    before = sets.active(settings)
    (settings.active / "site.ndb").write_text("gone mad\n")
    update.run(settings)
    assert sets.active(settings) != before
    assert in_use(settings) == {"site.ndb": signature("Site.One", "first bad thing")}


def test_nothing_is_used_before_official_signatures_are_there(settings: Settings, programs: Path) -> None:
    program(programs, "freshclam", "#!/bin/sh\necho 'ERROR: no way out'\nexit 9\n")
    with pytest.raises(update.UpdateError, match=r"no official signatures yet: .*no way out"):
        update.run(replace(settings, official=True))
    assert sets.active(settings) == ""


def test_official_signatures_survive_the_loss_of_what_was_fetched(settings: Settings, programs: Path) -> None:
    official = replace(settings, official=True)
    program(
        programs,
        "freshclam",
        f"#!/bin/sh\necho '{signature('Off.One', 'official bad thing').strip()}' > {settings.home}/fetched/official/daily.ndb\n",
    )
    update.run(official)
    (settings.fetched("official") / "daily.ndb").unlink()
    program(programs, "freshclam", "#!/bin/sh\nexit 9\n")
    record = update.run(official)
    assert "daily.ndb" in in_use(official)
    assert record.fetching["official"].fault


def test_a_database_that_nobody_signed_is_refused(settings: Settings, local: Path, tmp_path: Path, programs: Path) -> None:
    (tmp_path / "key.asc").write_bytes(b"\x99binary")
    signed = replace(settings, keys={"site.ndb": tmp_path / "key.asc"})
    record = update.run(signed)
    assert in_use(signed) == {}
    assert "no signature beside it" in record.files["site.ndb"].reason
    (local / "site.ndb.sig").write_bytes(b"signature")
    program(programs, "gpgv", "#!/bin/sh\necho 'gpgv: BAD signature' >&2\nexit 1\n")
    assert "BAD signature" in update.run(signed).files["site.ndb"].reason
    program(programs, "gpgv", "#!/bin/sh\nexit 0\n")
    assert update.run(signed).files["site.ndb"].reason == ""
    assert set(in_use(signed)) == {"site.ndb"}


def test_a_source_that_fails_is_said_and_the_rest_goes_on(settings: Settings, programs: Path, tmp_path: Path) -> None:
    program(programs, "fangfrisch", "#!/bin/sh\necho 'WARNING: site.example checksum mismatch'\n")
    record = update.run(replace(settings, fangfrisch=tmp_path / "fangfrisch.conf"))
    assert "checksum mismatch" in record.fetching["extra"].fault
    assert set(in_use(settings)) == {"site.ndb"}


def test_clamd_is_told_and_seen_to_serve(settings: Settings, local: Path, clamd: FakeClamd) -> None:
    update.run(settings)
    assert clamd.reloads == 1
    assert command.describe(settings)["state"] == "current"
    (local / "site.ndb").write_text(signature("Site.Two", "second bad thing"))
    clamd.obeys = False
    update.run(settings)
    found = command.describe(settings)
    assert found["state"] == "behind"
    clamd.obeys = True
    update.run(settings)  # nothing new, but clamd still serves the old set
    assert command.describe(settings)["state"] == "current"


def test_only_the_set_in_use_and_the_one_before_are_kept(settings: Settings, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(f"2026112{number}T000000Z-aa" for number in range(9))
    monkeypatch.setattr(sets, "new_identity", lambda: next(names))
    for number in range(4):
        (local / "site.ndb").write_text(signature("Site.N", f"bad thing {number}"))
        update.run(settings)
    assert sorted(path.name for path in settings.sets.iterdir()) == ["20261122T000000Z-aa", "20261123T000000Z-aa"]
