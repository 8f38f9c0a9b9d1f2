"""The parts: settings, what a file holds, what clamscan's answers mean, and keys in armour."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from posthouse.settings import SettingsError

from services.signatures.signatures import command, databases, fetch, references, trial
from services.signatures.signatures.settings import Settings, load, parse


def test_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "signatures.toml"
    path.write_text('home = "/srv/clamav"\nofficial = true\nfangfrisch = ""\nlocal = ["/a", "/b"]\n[keys]\n"x.ndb" = "/k"\n')
    found = load(path)
    assert (found.home, found.official, found.fangfrisch) == (Path("/srv/clamav"), True, None)
    assert found.local == (Path("/a"), Path("/b"))
    assert found.active == Path("/srv/clamav/active")


@pytest.mark.parametrize(
    "given",
    [{"homes": "/x"}, {"home": "x"}, {"official": "yes"}, {"loss_percent": 0}, {"loss_percent": 101}, {"patience": True}, {"local": "/a"}],
)
def test_settings_that_are_none_are_named(given: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given))):
        parse(given)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.ndb", b"# said\n\nA:0:*:41\nB:0:*:42\n", 2),
        ("a.cvd", b"ClamAV-VDB:22 Nov 2026 09-00 +0000:27000:2075000:90:x:y:builder:1795000000 ", 2075000),
        ("a.cvd", b"garbage", 0),
        ("a.yara", b"rule a { condition: false }", 1),
        ("a.cbc", b"", 0),
    ],
)
def test_signatures_are_counted(tmp_path: Path, name: str, content: bytes, expected: int) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert databases.count(path) == expected


def test_files_of_other_kinds_are_no_databases(tmp_path: Path) -> None:
    for name in ("a.ndb", ".a.ndb", "a.ndb.sha256", "a.sig", "README", "daily.cvd"):
        (tmp_path / name).touch()
    assert [path.name for path in databases.in_directory(tmp_path)] == ["a.ndb", "daily.cvd"]
    assert databases.in_directory(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("status", "output", "complaint"),
    [
        (1, "/x/probe: Posthouse.Probe.UNOFFICIAL FOUND\n/x/clean.eml: OK\n", ""),
        (0, "/x/probe: OK\n", "the probe is not seen"),
        (1, "/x/probe: P FOUND\n/x/clean.eml: Bad.Name FOUND\n", "Bad.Name in clean.eml"),
        (2, "LibClamAV Error: cli_loaddb: broken\n", "cli_loaddb: broken"),
        (2, "something else", "status 2"),
        (1, "/x/probe: P FOUND\nLibClamAV Error: yyerror(): line 1\n", "yyerror"),
    ],
)
def test_clamscan_is_understood(status: int, output: str, complaint: str) -> None:
    if not complaint:
        trial.judge(status, output, "/x/probe")
        return
    with pytest.raises(trial.TrialError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        trial.judge(status, output, "/x/probe")


def test_clean_mails_hold_what_mails_hold(tmp_path: Path) -> None:
    paths = references.write(tmp_path)
    texts = {path.name: path.read_bytes() for path in paths}
    assert set(texts) == {"clean-plain.eml", "clean-rich.eml", "clean-attached.eml", "clean-forwarded.eml"}
    for part in (b"text/html", b"image/gif", b"application/pdf", b"application/zip", b"text/calendar", b"message/rfc822"):
        assert any(part in text for text in texts.values()), part
    assert not any(databases.PROBE in text for text in texts.values())


def test_armour_is_taken_off_a_key() -> None:
    key = bytes(range(200))
    lines = base64.encodebytes(key).decode()
    armour = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{lines}=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
    assert fetch.keyring(armour.encode()) == key
    assert fetch.keyring(key) == key
    with pytest.raises(fetch.FetchError):
        fetch.keyring(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nnothing")


def test_the_command_tests_files(tmp_path: Path, settings: Settings, local: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = tmp_path / "c.toml"
    configuration.write_text(f'home = "{settings.home}"\n')
    arguments = ["--config", str(configuration), "test", str(local)]
    assert command.main(arguments) == command.FINE
    (local / "bad.ndb").write_text("broken\n")
    assert command.main(arguments) == command.REFUSED
    assert f"{local}/bad.ndb: Problem parsing database at line 1" in capsys.readouterr().err
    assert command.main(["--config", str(tmp_path / "none"), "status"]) == 2
