"""Maildirs as Dovecot keeps them, read and made without Dovecot: names of folders, numbers and GUIDs of letters, flags.

A restore puts thousands of letters in place; as hard links that takes a moment, and no byte is read. What is not ours is only read.
Formats: dovecot-uidlist and dovecot-keywords as the documentation of Dovecot's Maildir has them, names in modified UTF-7 (RFC 3501
5.1.3).
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

INBOX = "INBOX"
LETTERS = ("cur", "new")
#: System flags and their letters in a file's name.
FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
#: Keywords that a file's name has letters for.
KEYWORDS = 26
_SHIFTED = re.compile(r"&([^-]*)-")
_SIZED = re.compile(r",S=(\d+)")
_ABROAD = re.compile(r"[^\x20-\x7e]+")
#: What becomes a file's name, or a word in a list: mailstores say GUIDs and keywords, and one that was broken into says what it likes.
_CALLED = re.compile(r"[^.\x00-\x20\x7f/:][^\x00-\x20\x7f/:]{0,219}")


class MaildirError(OSError):
    """This is no Maildir, or not one that can be read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A letter on the disk. flags: as IMAP writes them, keywords too. uid 0: Dovecot has not seen it yet."""

    guid: str
    uid: int
    path: Path
    flags: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The part of the file's name that stays."""
        return self.path.name.partition(":")[0]

    @property
    def size(self) -> int:
        """Bytes of the letter: its name knows it when the file is compressed."""
        match = _SIZED.search(self.base)
        return int(match[1]) if match else self.path.stat().st_size


@dataclass(slots=True)
class Folder:
    """A folder. guid: its own, "" when Dovecot has not seen it."""

    name: str
    path: Path
    guid: str = ""
    letters: list[Stored] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)


def written(name: str) -> str:
    """Return the name of a folder's directory. name: with / between levels."""
    if name == INBOX:
        return ""

    def shifted(match: re.Match[str]) -> str:
        coded = base64.b64encode(match[0].encode("utf-16-be"), b"+,").rstrip(b"=")
        return f"&{coded.decode()}-"

    return "." + ".".join(_ABROAD.sub(shifted, one.replace("&", "&-")) for one in name.split("/"))


def read_name(directory: str) -> str:
    """Return the name of the folder that lies in a directory of this name; what is no modified UTF-7 stays as it is."""

    def unshifted(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        try:
            return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4), b"+,", validate=True).decode("utf-16-be")
        except ValueError:
            return match[0]

    return "/".join(_SHIFTED.sub(unshifted, one) for one in directory[1:].split(".")) if directory else INBOX


def folders(maildir: Path) -> dict[str, Path]:
    """Return the directories of a Maildir's folders by name; empty when there is none."""
    if not maildir.is_dir():
        return {}
    found = {INBOX: maildir} if (maildir / "cur").is_dir() else {}
    for one in sorted(maildir.iterdir()):
        if one.name.startswith(".") and one.name not in (".", "..") and (one / "cur").is_dir():
            found[read_name(one.name)] = one
    return found


def read(name: str, path: Path) -> Folder:
    """Read a folder. Raises MaildirError when its list of letters is damaged: whoever believed half of it would lose the other half."""
    folder = Folder(name, path, keywords=_keywords(path))
    files = {one.name.partition(":")[0]: one for kind in LETTERS for one in _entries(path / kind)}
    uidlist = path / "dovecot-uidlist"
    lines = uidlist.read_text("utf-8", "surrogateescape").splitlines() if uidlist.exists() else []
    if lines:
        version, *values = lines[0].split()
        known = {one[0]: one[1:] for one in values}
        if version != "3" or not known.get("V", "").isdigit():
            raise MaildirError(f"{uidlist}: its first line is not what Dovecot writes")
        folder.guid = known.get("G", "")
    for line in lines[1:]:
        known_as, found, file = line.partition(" :")
        uid, *values = known_as.split()
        if not found or not uid.isdigit():
            raise MaildirError(f"{uidlist}: {line!r} is not what Dovecot writes")
        base = file.partition(":")[0]
        if entry := files.pop(base, None):
            guid = next((one[1:] for one in values if one.startswith("G")), base)
            folder.letters.append(Stored(guid, int(uid), Path(entry.path), _flags(entry.name, folder.keywords)))
    folder.letters += [Stored(base, 0, Path(one.path), _flags(one.name, folder.keywords)) for base, one in sorted(files.items())]
    return folder


def _entries(path: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return [one for one in found if not one.name.startswith(".")]
    except FileNotFoundError:
        return []


def _keywords(path: Path) -> list[str]:
    try:
        lines = (path / "dovecot-keywords").read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    known = {int(number): name for number, _, name in (line.partition(" ") for line in lines) if number.isdigit()}
    return [known.get(number, "") for number in range(max(known, default=-1) + 1)]


def _flags(name: str, keywords: list[str]) -> tuple[str, ...]:
    found = []
    for letter in name.partition(":2,")[2]:
        number = ord(letter) - ord("a")
        if letter in FLAGS:
            found.append(FLAGS[letter])
        elif 0 <= number < len(keywords) and keywords[number]:
            found.append(keywords[number])
    return tuple(found)


def usable(guid: str) -> bool:
    """Say whether a letter's file can be called like this GUID."""
    return bool(_CALLED.fullmatch(guid))


def usable_folder(name: str) -> bool:
    """Say whether a folder can be called so: its directory is one of the Maildir's own."""
    return "\0" not in name and all(one.strip(".") for one in name.split("/")) and len(os.fsencode(written(name))) < 256


def make(maildir: Path, name: str) -> Path:
    """Return the directory of a folder, made when it is not there."""
    path = maildir / written(name)
    for kind in ("tmp", "new", "cur"):
        (path / kind).mkdir(parents=True, exist_ok=True)
    if path != maildir:
        (path / "maildirfolder").touch()
    return path


def name_of(path: Path, base: str, flags: Iterable[str]) -> tuple[str, list[str]]:
    """Return the name of a letter's file in a folder, and the keywords for which it has no letter left.

    A keyword that the folder did not know gets its letter. Raises MaildirError when no file can be called so.
    """
    if not usable(base):
        raise MaildirError(f"no letter can be called {base!r}")
    keywords = _keywords(path)
    letters, without = [], []
    system = {name: letter for letter, name in FLAGS.items()}
    for flag in flags:
        if flag in system:
            letters.append(system[flag])
        elif usable(flag) and not flag.startswith("\\"):
            if flag not in keywords and len(keywords) < KEYWORDS:
                keywords.append(flag)
                (path / "dovecot-keywords").write_text(
                    "".join(f"{number} {name}\n" for number, name in enumerate(keywords) if name), "utf-8", "surrogateescape"
                )
            number = keywords.index(flag) if flag in keywords else KEYWORDS
            if number < KEYWORDS:
                letters.append(chr(ord("a") + number))
            else:
                without.append(flag)
    return f"{base}:2,{''.join(sorted(letters))}", without


def link(path: Path, one: Stored, flags: Iterable[str]) -> list[str]:
    """Put a letter that lies elsewhere in a folder, as a hard link under its GUID, or under the name it has; what is there already stays.

    Returns the keywords that its file's name cannot say.
    """
    name, without = name_of(path, one.guid if usable(one.guid) else one.base, flags)
    if not (path / "cur" / name).exists():
        os.link(one.path, path / "cur" / name)
    return without


def put(path: Path, guid: str, flags: Iterable[str], letter: bytes, received: float) -> list[str]:
    """Put a letter in a folder, under its GUID. received: seconds since 1970. Returns the keywords that its file's name cannot say.

    Raises MaildirError when no file can be called so.
    """
    if not usable(guid):
        raise MaildirError(f"no letter can be called {guid!r}")
    base = guid
    if (size := _SIZED.search(guid)) and int(size[1]) != len(letter):
        # Dovecot believes the size in a name and refuses a letter of another one.
        base = f"{guid[: size.start()]},S={len(letter)}"
        _remember(path, guid, base)
    name, without = name_of(path, base, flags)
    half = path / "tmp" / base
    half.write_bytes(letter)
    os.utime(half, (received, received))
    half.replace(path / "cur" / name)
    return without


def _remember(path: Path, guid: str, base: str) -> None:
    """Write down in a folder's list which GUID a letter has whose file is not called so."""
    uidlist = path / "dovecot-uidlist"
    if not uidlist.exists():
        uidlist.write_text(f"3 V{int(time.time())} N1 G{os.urandom(16).hex()}\n", "ascii")
    lines = uidlist.read_text("utf-8", "surrogateescape").splitlines()
    following = max([int(one[1:]) for one in lines[0].split()[1:] if one[0] == "N"] + [int(one.split()[0]) + 1 for one in lines[1:]])
    with uidlist.open("a", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(f"{following} G{guid} :{base}\n")


def clone(source: Path, into: Path, only: Collection[str] | None = None) -> None:
    """Copy a Maildir as it is, letters as hard links: what is done to the clone's lists and indexes does nothing to the source.

    only: these folders, None is all.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for name, path in {INBOX: source, **folders(source)}.items() if source.is_dir() else ():
        if only is not None and name not in only:
            continue
        target = into / path.relative_to(source)
        target.mkdir(exist_ok=True)
        for one in path.iterdir():
            if one.name in ("cur", "new", "tmp"):
                (target / one.name).mkdir(exist_ok=True)
                for letter in _entries(one) if one.name != "tmp" else []:
                    # A letter that was renamed meanwhile is found when the clone is brought up to date.
                    if Path(letter.path).exists():
                        os.link(letter.path, target / one.name / letter.name)
            elif one.is_file() and not one.name.endswith((".lock", ".tmp")):
                shutil.copy2(one, target / one.name)
