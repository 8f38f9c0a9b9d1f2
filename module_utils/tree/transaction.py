"""All files of one run: staged and validated together, moved together, put back together when a check says no."""

from __future__ import annotations

import os

from . import files
from .packages import last_lines
from .picture import Entry, Picture, Problem, covers, split_words
from .state import State
from .system import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIFF_LIMIT = 200_000


class Transaction:
    """The changes of one run to files, with what was there before."""

    def __init__(self, picture: Picture, state: State, result: dict[str, Any]) -> None:
        self._picture, self._state, self._result = picture, state, result
        self._before: dict[str, files.Present] = {}
        self._seen: dict[str, files.Present] = {}
        self.changed: list[str] = []
        self.removed: list[str] = []
        self._remembered: dict[str, Any] = {}

    def look(self) -> None:
        """Look at every path; raise when one cannot become a file. Called first, and again when packages brought their own files."""
        self._seen = {path: files.Present(path) for path in self._picture.entries}
        for path, entry in self._picture.entries.items():
            files.refuse(entry, self._seen[path])

    def apply(self, entries: list[Entry]) -> None:
        """Make these files true: decide all, stage all, validate all, and only then move them into place."""
        owners = [files.owner_of(entry, self._picture.check) for entry in entries if entry.path not in self._before]
        entries = [entry for entry in entries if entry.path not in self._before]
        decided = [files.decide(entry, self._seen[entry.path], *owner) for entry, owner in zip(entries, owners, strict=True)]
        changes = [change for change in decided if change]
        if not changes:
            return
        for change in changes:
            self._before[change.entry.path] = change.before
            self._note(change.entry.path, difference(change))
        self.changed += [change.entry.path for change in changes]
        if not self._picture.check:
            self._write(changes)

    def _write(self, changes: list[files.Change]) -> None:
        # From here on the paths are ours and unchecked, even if the machine loses power in the next line.
        self._state.data["files"] = sorted({*self._state.data["files"], *self._picture.entries})
        self._state.data["unverified"] = bool(self._picture.verify)
        self._state.data["last"] = {}
        for change in changes:
            self._state.data["directories"] += files.make_parents(change.entry.path)
        self._remembered = self._remembered or self._state.remembered()
        self._state.forget(change.entry.path for change in changes if set(change.what) - {"owner", "group", "mode"})
        self._state.save()
        try:
            for change in changes:
                files.stage(change)
                validate(change)
        except BaseException:
            files.discard(changes)
            for change in changes:
                self._before.pop(change.entry.path, None)
            raise
        for change in changes:
            files.commit(change)
        files.sync_directories(change.entry.path for change in changes)

    def remove(self, paths: list[str]) -> None:
        """Remove files that the role shipped once and ships no longer."""
        gone = []
        for path in paths:
            before = files.Present(path)
            if before.kind in ("file", "link"):
                self._before[path] = before
                self._note(path, {"prepared": f"{path}: removed, because it is no longer shipped\n"})
                gone.append(path)
                if not self._picture.check:
                    files.remove(path)
        self.removed += gone
        if not self._picture.check:
            files.sync_directories(gone)

    def verify(self, checks: list[list[str]]) -> None:
        """Let the daemons judge the new files; when one says no, put everything back and say what it said."""
        if self._picture.check or not (self.changed or self.removed or self._state.data["unverified"]):
            return
        for argv in checks:
            code, output = run(argv)
            if code:
                restored = self.roll_back()
                back = f"Put back: {', '.join(restored)}" if restored else "They are from an earlier run: there is nothing to put back"
                self._result["restored"] = restored
                raise Problem(f"{' '.join(argv)} refuses the new files (exit code {code}):\n{last_lines(output, 25)}\n{back}")
        self._state.data["unverified"] = False

    def roll_back(self) -> list[str]:
        """Put back what this run replaced or removed; return the paths."""
        for path, before in self._before.items():
            files.restore(path, before)
        files.sync_directories(self._before)
        owned = {*self._state.data["files"], *self._before}
        new = {path for path, before in self._before.items() if before.kind == "absent"}
        self._state.data["files"] = sorted(owned - new)
        self._state.data["unverified"] = self._state.data["unverified"] and not self._before
        self._prune(owned - new)
        # Nobody was told to read the files that came and went.
        self._state.data.update(self._remembered)
        self._state.save()
        self._result["paths"] = []
        return sorted(self._before)

    def settle(self) -> None:
        """Own what is shipped and nothing else; let go of directories that were made for files which are gone."""
        self._state.data["files"] = sorted(self._picture.entries)
        self._prune(set(self._picture.entries))

    def _prune(self, owned: set[str]) -> None:
        kept = []
        for made in sorted(set(self._state.data["directories"]), reverse=True):
            if not any(covers(made, path) for path in owned):
                try:
                    os.rmdir(made)
                except FileNotFoundError:
                    continue
                except OSError:
                    pass  # somebody else keeps things in it
                else:
                    continue
            kept.append(made)
        self._state.data["directories"] = sorted(kept)

    def changed_below(self, prefix: str) -> bool:
        """Tell whether a file below prefix was written or removed."""
        return any(covers(prefix, path) for path in (*self.changed, *self.removed))

    def _note(self, path: str, shown: dict[str, str]) -> None:
        self._result["paths"].append(path)
        if self._picture.diff:
            self._result.setdefault("diff", []).append(shown)


def validate(change: files.Change) -> None:
    """Ask the file's own program about the staged file."""
    entry = change.entry
    if not entry.validate or not change.temporary:
        return
    code, output = run([word.replace("%s", change.temporary) for word in split_words(entry.validate)])
    if code:
        said = "(its words are not shown: the file is secret)" if entry.secret else last_lines(output, 25)
        raise Problem(f"{entry.source}: {entry.validate} refuses the new {entry.path} (exit code {code}). No file was replaced:\n{said}")


def difference(change: files.Change) -> dict[str, str]:
    """Return a change as Ansible's --diff shows it."""
    entry, before = change.entry, change.before
    header = f"{entry.path} ({', '.join(change.what)})"
    shown = {"before_header": entry.path, "after_header": header}
    if set(change.what) <= {"owner", "group", "mode"}:
        shown["before"] = f"{before.uid}:{before.gid} {before.mode:04o}\n"
        shown["after"] = f"{entry.owner}:{entry.group} {entry.mode:04o}\n"
        return shown
    if entry.secret:
        return {"prepared": f"{header}: secret, not shown\n"}
    old = f"-> {before.link}\n".encode() if before.kind == "link" else before.content
    new = f"-> {entry.link}\n".encode() if entry.content is None else entry.content
    if len(old) + len(new) > DIFF_LIMIT or b"\0" in old or b"\0" in new:
        return {"prepared": f"{header}: {len(old)} bytes become {len(new)}, not shown\n"}
    shown["before"], shown["after"] = old.decode("utf-8", "replace"), new.decode("utf-8", "replace")
    return shown
