"""The picture of a machine: what a role ships, checked and in plain types."""

from __future__ import annotations

import binascii
import os
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Problem(Exception):  # noqa: N818, because it is what an operator has, not what went wrong in here
    """Something the operator must know: the message names the file or unit and what to do about it."""


class Entry:
    """One file or symbolic link as it shall be."""

    __slots__ = ("_digest", "content", "group", "link", "mode", "owner", "path", "secret", "source", "validate")

    def __init__(self, path: str, given: Mapping[str, Any]) -> None:
        if not path.startswith("/") or os.path.normpath(path) != path or path == "/":
            raise Problem(f"{path!r} is not an absolute, plain path of a file: write it as the machine knows it, e.g. /etc/motd")
        self.path = path
        self.source = str(given.get("source", "files"))
        self.link: str | None = given.get("link")
        self.content: bytes | None = None
        # A picture that is only remembered knows most contents by their digest.
        self._digest: str | None = given.get("digest")
        if self.link is None and self._digest is None:
            if "base64" in given:
                self.content = binascii.a2b_base64(given["base64"])
            else:
                self.content = str(given["content"]).encode("utf-8", "surrogateescape")
        self.owner = str(given.get("owner", "root"))
        self.group = str(given.get("group", "root"))
        self.secret = bool(given.get("secret", False))
        self.mode = parse_mode(path, given.get("mode") or ("0600" if self.secret else "0644"))
        self.validate: str | None = given.get("validate")

    @property
    def digest(self) -> str:
        """The digest of the content, or of where the link points."""
        if self._digest is None:
            self._digest = digest((self.link or "").encode() if self.content is None else self.content)
        return self._digest

    def has_content(self, content: bytes) -> bool:
        """Tell whether the file shall have this content."""
        return digest(content) == self.digest if self.content is None else content == self.content


class Unit:
    """One systemd unit as it shall be."""

    __slots__ = ("enabled", "masked", "name", "reload", "restart", "state")

    def __init__(self, given: Mapping[str, Any]) -> None:
        refuse_unknown("units", given, ("name", "state", "enabled", "masked", "restart", "reload", "when"), ("name",))
        self.name = str(given["name"])
        if "." not in self.name:
            self.name += ".service"
        self.masked = bool(given.get("masked", False))
        self.state = str(given.get("state") or ("stopped" if self.masked else "started"))
        if self.state not in ("started", "stopped", "any"):
            raise Problem(f"unit {self.name}: state is started, stopped or any, not {self.state!r}")
        enabled = given.get("enabled", self.state == "started")
        self.enabled: bool | None = None if enabled is None or self.masked else bool(enabled)
        self.restart = [str(prefix) for prefix in given.get("restart") or []]
        # A unit always follows its own definition: nobody has to remember to list it.
        self.restart += own_definition(self.name)
        self.reload = [str(prefix) for prefix in given.get("reload") or []]


class Command:
    """One command that turns files into something a service reads."""

    __slots__ = ("creates", "name", "on", "run")

    def __init__(self, given: Mapping[str, Any]) -> None:
        refuse_unknown("commands", given, ("name", "run", "on", "creates", "when"), ("name", "run"))
        self.name = str(given["name"])
        run = given["run"]
        self.run = [str(word) for word in run] if isinstance(run, list) else split_words(str(run))
        self.on = [str(prefix) for prefix in given.get("on") or []]
        self.creates: str | None = given.get("creates")
        if not self.on and not self.creates:
            raise Problem(f"command {self.name}: say with 'on' which files it follows, or with 'creates' which file it makes")


class Picture:
    """Everything one task asks of one machine."""

    __slots__ = ("check", "commands", "debconf", "diff", "entries", "name", "packages", "units", "verify")

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.name = str(given["name"])
        if not self.name or not all(letter.isalnum() or letter in "_-." for letter in self.name):
            raise Problem(f"the name of a tree is letters, digits, '_', '-' and '.', not {self.name!r}")
        self.check = bool(given.get("check", False))
        self.diff = bool(given.get("diff", False))
        self.entries = {path: Entry(path, what) for path, what in sorted(given.get("files", {}).items())}
        self.packages = [str(package) for package in given.get("packages") or []]
        self.debconf = [str(line) for line in given.get("debconf") or []]
        self.verify = [split_words(line) if isinstance(line, str) else [str(word) for word in line] for line in given.get("verify") or []]
        self.commands = [Command(command) for command in given.get("commands") or [] if is_wanted(command)]
        self.units = [Unit(unit) for unit in given.get("units") or [] if is_wanted(unit)]
        for kind, names in (("commands", [command.name for command in self.commands]), ("units", [unit.name for unit in self.units])):
            for name in names:
                if names.count(name) > 1:
                    raise Problem(f"{kind} names {name} twice: say in one place what shall be with it")
        for path in self.entries:
            for parent in parents(path):
                if parent in self.entries:
                    raise Problem(f"{path} cannot be shipped below {parent}, which is shipped as a file")


def digest(content: bytes) -> str:
    """Return a digest short enough to keep the state file small; it finds changes, it does not defend against root."""
    return sha256(content).hexdigest()[:32]


def refuse_unknown(option: str, given: Mapping[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Raise when a misspelt key would be ignored, or a needed one is missing."""
    unknown = [key for key in given if key not in known]
    if unknown:
        raise Problem(f"{option}: {given.get('name', given)} has {', '.join(unknown)}, which is none of {', '.join(known)}")
    for key in needed:
        if not given.get(key):
            raise Problem(f"{option}: {given.get('name', dict(given))} lacks {key}")


def is_wanted(given: Mapping[str, Any]) -> bool:
    """Return the `when` of a command or unit; templates that yield text yield 'True' or 'False'."""
    return str(given.get("when", True)).lower() not in ("false", "no", "0", "")


def parents(path: str) -> Iterable[str]:
    """Yield the directories above a path, the nearest first, without '/'."""
    path = os.path.dirname(path)
    while path != "/":
        yield path
        path = os.path.dirname(path)


def parse_mode(path: str, mode: object) -> int:
    """Return the mode as a number. Only quoted octal is taken: YAML reads a bare 0640 as 416 and a bare 640 as 640."""
    if not isinstance(mode, str) or not mode.isdigit() or len(mode) < 3 or set(mode) & set("89"):
        raise Problem(f'{path}: mode {mode!r} is not octal digits in quotes, e.g. mode: "0640"')
    return int(mode, 8)


def covers(prefix: str, path: str) -> bool:
    """Tell whether path is prefix itself or lies below it."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def own_definition(unit: str) -> list[str]:
    """Return where an operator may define or amend a unit (systemd.unit(5)); an instance also follows its template."""
    names = [unit]
    stem, at, rest = unit.partition("@")
    if at:
        names.append(f"{stem}@.{rest.rpartition('.')[2]}")
    return [f"/etc/systemd/system/{name}{suffix}" for name in names for suffix in ("", ".d")]


def split_words(line: str) -> list[str]:
    """Split a command line as a shell would, without running one."""
    if not set(line) & set("'\"\\"):
        return line.split()
    import shlex  # noqa: PLC0415, because its import costs 6 ms and quotes are rare

    return shlex.split(line)
