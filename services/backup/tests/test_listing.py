"""Every letter that can be read is told, with its bytes; the others are named."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from posthouse.copyletter import digest

from services.backup.backup import doveadm, listing

PLACE = doveadm.Place("anna", Path("/nowhere"))
FOLDER = listing.Folder("Sent", "1234", 9, 900)
# What makes a program that looks for ends and names stumble: all of it may be in a letter.
BODIES = [b"plain\n", b"\f\nuid: 7\nguid: x\n", b"nul\0 \xff\xfe no end", b"", b"text:\n", b"\f\n"]
# It answers as `doveadm -f pager fetch` does: letter 3 ends early, letter 5 is not there any more.
DOVEADM = """#!{python} -I
import sys
words, bodies = sys.argv, {bodies!r}
if "search" in words:
    print("\\n".join(f"1234 {{number + 1}}" for number in range(len(bodies))))
    sys.exit()
if "status" in words:
    print('[{{"mailbox":"b*c/d \\u00fc","guid":"2","messages":0,"vsize":0}},{{"mailbox":"INBOX","guid":"1","messages":"6","vsize":"6"}}]')
    sys.exit()
out, code, first = sys.stdout.buffer, 0, True
for number in map(int, words[-1].split(",")):
    if number == 5:
        continue
    body = bodies[number - 1]
    out.write(b"" if first else b"\\f\\n")
    out.write(f"uid: {{number}}\\nguid: g{{number}}\\nflags: \\\\Seen \\\\Recent $label\\ndate.received: d\\ndate.saved: s\\n".encode())
    out.write(f"size.physical: {{len(body)}}\\ntext:\\n".encode() + body[: 3 if number == {broken} else None])
    if number == {broken}:
        code = 75
        print(f"Error: fetch(text) failed for uid={{number}}", file=sys.stderr)
    first = False
sys.exit(code)
"""


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    program = tmp_path / "doveadm"
    program.write_text(DOVEADM.format(python=sys.executable, bodies=BODIES, broken=getattr(request, "param", 0)))
    program.chmod(0o755)
    monkeypatch.setattr(doveadm, "PROGRAM", str(program))


@pytest.mark.usefixtures("answers")
def test_letters_are_told_byte_for_byte() -> None:
    found = dict(listing.contents(PLACE, FOLDER))
    assert {letter.uid: content for letter, content in found.items()} == {n + 1: body for n, body in enumerate(BODIES) if n != 4}
    one = next(iter(found))
    assert (one.guid, sorted(one.flags), one.received, one.saved) == ("g1", ["$label", "\\Seen"], "d", "s")
    assert one.sha256 == digest(BODIES[0])


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("answers", [1, 2, 3, 6], indirect=True)
def test_a_letter_that_cannot_be_read_hides_no_other(request: pytest.FixtureRequest) -> None:
    broken = request.node.callspec.params["answers"]
    found = {one.uid: one for one, _ in listing.contents(PLACE, FOLDER)}
    assert set(found) == {1, 2, 3, 4, 6}
    assert {uid for uid, one in found.items() if one.fault} == {broken}
    assert "fetch(text) failed" in found[broken].fault


@pytest.mark.usefixtures("answers")
def test_only_some_letters() -> None:
    assert [one.uid for one, _ in listing.contents(PLACE, FOLDER, [6, 2])] == [2, 6]


@pytest.mark.usefixtures("answers")
def test_folders_with_any_name() -> None:
    assert [(one.name, one.guid, one.letters) for one in listing.folders(PLACE)] == [("INBOX", "1", 6), ("b*c/d ü", "2", 0)]


def test_a_program_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doveadm, "PROGRAM", "/nowhere/doveadm")
    with pytest.raises(listing.ListingError, match="nowhere"):
        listing.folders(PLACE)


@pytest.mark.parametrize(
    "said", [b"Error\n", b"uid: 1\nguid: g\n", b"uid: 1\nguid: g\nflags: \ndate.received: d\ndate.saved: s\nsize.physical: x\n"]
)
def test_an_answer_that_is_none_is_no_letter(said: bytes) -> None:
    with pytest.raises(Exception, match="an answer"):
        list(listing.records(io.BytesIO(said)))
