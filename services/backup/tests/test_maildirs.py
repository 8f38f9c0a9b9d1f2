"""Maildirs on the disk, as Dovecot writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.backup.backup import maildirs
from services.backup.backup.maildirs import MaildirError, Stored

# As Dovecot 2.4.1 wrote it: two letters of which one has a GUID that is not its file's name, and one that is gone.
UIDLIST = """\
3 V1795401601 N8 G5008a50281a7036bd20c0000726fc535
3 :1795401601.M8P3.d,S=88,W=94
6 G1795401604.M29P3.d,S=88,W=94 :1795401604.M66P3.d,S=88,W=94
7 :1795401609.M1P1.d,S=1,W=1
"""


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("INBOX", ""),
        ("Sent", ".Sent"),
        ("X/Y", ".X.Y"),
        ("Gelöschte & Co", ".Gel&APY-schte &- Co"),
        ("日本語/ä", ".&ZeVnLIqe-.&AOQ-"),
        ("a🙂b", ".a&2D3eQg-b"),
        ("-", ".-"),
        ("INBOX/inner", ".INBOX.inner"),
    ],
)
def test_names_are_what_dovecot_makes_of_them(name: str, directory: str) -> None:
    assert maildirs.written(name) == directory
    assert maildirs.read_name(directory) == name


def test_what_is_no_modified_utf7_stays() -> None:
    assert maildirs.read_name(".a&!!-b") == "a&!!-b"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for kind in ("cur", "new", "tmp"):
        (tmp_path / "mirror" / kind).mkdir(parents=True)
    folder = tmp_path / "mirror"
    (folder / "dovecot-uidlist").write_text(UIDLIST)
    (folder / "dovecot-keywords").write_text("0 $Label1\n1 wichtig\n")
    (folder / "cur" / "1795401601.M8P3.d,S=88,W=94:2,FSb").write_bytes(b"x")
    (folder / "new" / "1795401604.M66P3.d,S=88,W=94").write_bytes(b"y")
    (folder / "new" / "1795401700.M1P1.d").write_bytes(b"four")
    return folder


def test_letters_have_their_numbers_guids_and_flags(box: Path) -> None:
    folder = maildirs.read("INBOX", box)
    assert folder.guid == "5008a50281a7036bd20c0000726fc535"
    assert [(one.uid, one.guid, one.flags, one.size) for one in folder.letters] == [
        (3, "1795401601.M8P3.d,S=88,W=94", ("\\Flagged", "\\Seen", "wichtig"), 88),
        (6, "1795401604.M29P3.d,S=88,W=94", (), 88),
        (0, "1795401700.M1P1.d", (), 4),
    ]


@pytest.mark.parametrize("damaged", ["1 V3 N4\n", "3 N4\n", "3 V1 N4 Gx\nnonsense\n", "\0\0\0\0\n"])
def test_a_damaged_list_is_not_half_believed(box: Path, damaged: str) -> None:
    (box / "dovecot-uidlist").write_text(damaged)
    with pytest.raises(MaildirError):
        maildirs.read("INBOX", box)


def test_a_clone_shares_letters_and_nothing_else(box: Path, tmp_path: Path) -> None:
    maildirs.make(box, "X/Y")
    (box / ".X.Y" / "new" / "1.M1P1.d").write_bytes(b"z")
    maildirs.clone(box, tmp_path / "clone")
    assert sorted(maildirs.folders(tmp_path / "clone")) == ["INBOX", "X/Y"]
    assert (tmp_path / "clone" / ".X.Y" / "new" / "1.M1P1.d").samefile(box / ".X.Y" / "new" / "1.M1P1.d")
    assert not (tmp_path / "clone" / "dovecot-uidlist").samefile(box / "dovecot-uidlist")
    maildirs.clone(box, tmp_path / "clone", ["X/Y"])
    assert sorted(maildirs.folders(tmp_path / "clone")) == ["X/Y"]


def test_a_clone_of_nothing_is_empty(tmp_path: Path) -> None:
    maildirs.clone(tmp_path / "none", tmp_path / "clone")
    assert maildirs.folders(tmp_path / "clone") == {}
    assert maildirs.folders(tmp_path / "none") == {}


def test_keywords_get_letters_as_long_as_there_are_some(box: Path) -> None:
    name, without = maildirs.name_of(box, "base", ["\\Seen", "wichtig", "new", "\\Recent"])
    assert (name, without) == ("base:2,Sbc", [])
    assert (box / "dovecot-keywords").read_text() == "0 $Label1\n1 wichtig\n2 new\n"
    name, without = maildirs.name_of(box, "base", [f"k{number}" for number in range(30)])
    assert len(name.partition(":2,")[2]) == 23
    assert without == [f"k{number}" for number in range(23, 30)]


def test_a_linked_letter_is_called_by_its_guid_and_put_once(box: Path, tmp_path: Path) -> None:
    folder = maildirs.make(tmp_path / "other", "X")
    letter = maildirs.read("INBOX", box).letters[1]
    for _ in range(2):
        assert maildirs.link(folder, letter, ["\\Draft"]) == []
    assert [one.name for one in (folder / "cur").iterdir()] == ["1795401604.M29P3.d,S=88,W=94:2,D"]
    assert (folder / "maildirfolder").exists()


def test_bytes_are_put_with_their_date(tmp_path: Path) -> None:
    folder = maildirs.make(tmp_path / "other", "INBOX")
    maildirs.put(folder, "1.M1P1.d,S=3,W=4", [], b"ab\n", 1000.0)
    found = folder / "cur" / "1.M1P1.d,S=3,W=4:2,"
    assert found.read_bytes() == b"ab\n"
    assert found.stat().st_mtime == 1000
    assert not list((folder / "tmp").iterdir())


def test_a_size_that_does_not_fit_leaves_the_name_and_not_the_guid(tmp_path: Path) -> None:
    folder = maildirs.make(tmp_path / "other", "INBOX")
    for guid in ("1.M1P1.d,S=88,W=94", "2.M1P1.d,S=88,W=94"):
        maildirs.put(folder, guid, [], b"ab\n", 1000.0)
    read = maildirs.read("INBOX", folder)
    assert [(one.uid, one.guid, one.base) for one in read.letters] == [
        (1, "1.M1P1.d,S=88,W=94", "1.M1P1.d,S=3"),
        (2, "2.M1P1.d,S=88,W=94", "2.M1P1.d,S=3"),
    ]
    assert len(read.guid) == 32


def test_a_stored_letter_without_a_size_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert Stored("x", 1, tmp_path / "x").size == 5


BAD = ["../../other/owner.json", "/etc/x", ".hidden", "", "a b", "a\nG1 :b", "a\0", "a:2,S", "x" * 221]


@pytest.mark.parametrize("guid", BAD)
def test_a_guid_that_a_broken_mailstore_made_up_leads_nowhere(box: Path, tmp_path: Path, guid: str) -> None:
    target = maildirs.make(tmp_path / "scratch" / "live", "INBOX")
    with pytest.raises(MaildirError, match="can be called"):
        maildirs.put(target, guid, [], b"letter\n", 0.0)
    one = maildirs.read("INBOX", box).letters[0]
    maildirs.link(target, Stored(guid, one.uid, one.path), [])
    assert [path.name for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == [f"{one.base}:2,"]


def test_keywords_that_a_broken_mailstore_made_up_are_left_out(tmp_path: Path) -> None:
    target = maildirs.make(tmp_path, "INBOX")
    assert maildirs.put(target, "1.M1P1.d,S=2", ["fine", "two words", "a\n1 b", "\\Seen"], b"x\n", 0.0) == []
    assert (target / "dovecot-keywords").read_text() == "0 fine\n"


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("INBOX", True),
        ("A/B", True),
        ("日本語/ä.b", True),
        ("..", False),
        (".", False),
        ("", False),
        ("a//b", False),
        ("a/../b", False),
        ("a\0", False),
        ("ä" * 100, False),
    ],
)
def test_folders_that_can_be(name: str, fine: bool) -> None:
    assert maildirs.usable_folder(name) == fine
