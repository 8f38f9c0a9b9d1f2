"""Files of signatures: which there are, how many signatures each holds, and the two signatures that are ours."""

from __future__ import annotations

import hashlib
from pathlib import Path

# libclamav reads a file of its database directory when its name ends so (readdb.h, CLI_DBEXT).
_KINDS = """cvd cld cud hdb hsb hdu hsu fp sfp mdb msb mdu msu imp ndb ndu ldb ldu sdb zmd rmd pdb gdb wdb cbc ftm cfg cdb cat crb idb
ioc yar yara pwdb ign ign2 info db"""
ENDINGS = frozenset(f".{kind}" for kind in _KINDS.split())
CONTAINERS = frozenset({".cvd", ".cld", ".cud"})
OURS = "posthouse.ndb"

# A mail that holds it is called infected by every set: what answers so has loaded signatures and looks into what it is given.
PROBE_NAME = "Posthouse.Probe"
PROBE = b"posthouse-probe-4e1c0b76: does the scanner see what it is given?"


def is_database(path: Path) -> bool:
    """Tell whether libclamav would read a file."""
    return path.suffix in ENDINGS and not path.name.startswith(".") and path.is_file()


def in_directory(directory: Path) -> list[Path]:
    """Return the databases of a directory by name; none when there is no such directory."""
    return sorted(path for path in directory.iterdir() if is_database(path)) if directory.is_dir() else []


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count(path: Path) -> int:
    """Return how many signatures a file says or seems to hold; a file of another kind than lines counts as one.

    The head of a container is ClamAV-VDB:time:version:signatures:… (man sigtool, --info).
    """
    if path.suffix in CONTAINERS:
        with path.open("rb") as file:
            head = file.read(512).split(b":")
        return int(head[3]) if len(head) > 3 and head[0] == b"ClamAV-VDB" and head[3].isdigit() else 0
    if path.suffix in {".yar", ".yara", ".cbc"}:
        return 1 if path.stat().st_size else 0
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip() and not line.startswith(b"#"))


def token_of(identity: str) -> bytes:
    """Return the text by which clamd betrays that it serves a set."""
    return b"posthouse-set-" + identity.encode("ascii") + b": is it this set that the scanner serves?"


def ours(identity: str) -> str:
    """Return the database that every set has: the probe, and the set's own name (extended format: name:target:offset:hexadecimal)."""
    return f"{PROBE_NAME}:0:*:{PROBE.hex()}\nPosthouse.Set:0:*:{token_of(identity).hex()}\n"
