"""All files of one run: staged and validated together, moved together, put back together when a check says no."""

from __future__ import annotations

import os

from . import accounts, files
from .commands import run
from .packages import last_lines
from .picture import Entry, Picture, Problem, covers, split_words
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIFF_LIMIT = 200_000


class Transaction:
    """The changes of one run to files, with what was there before."""

    def __init__(self, picture: Picture, state: State, result: dict[str, Any]) -> None:
        self._picture, self._state, self._result = picture, state, result
        self._before: dict[str, files.Present] = {}
        self._promised = accounts.promised_accounts(picture.entries.values())
        self.changed: list[str] = []
        self.removed: list[str] = []

    def apply(self, entries: list[Entry], missing_accounts_are_fine: bool = False) -> None:
        """Make these files true: decide all, stage all, validate all, and only then move them into place."""
        fine = missing_accounts_are_fine or self._picture.check
        owners = [files.owner_of(entry, (), fine) for entry in entries]
        decided = [files.decide(entry, *owner) for entry, owner in zip(entries, owners, strict=True)]
        changes = [change for change in decided if change and change.entry.path not in self._before]
        if not changes:
            return
        for change in changes:
            self._before[change.entry.path] = change.before
            self._note(change.entry.path, self._difference(change))
        self.changed += [change.entry.path for change in changes]
        if self._picture.check:
            return
        # From here on the paths are ours and unchecked, even if the machine loses power in the next line.
        self._state.data["files"] = sorted({*self._state.data["files"], *self._picture.entries})
        self._state.data["unverified"] = bool(self._picture.verify)
        made = self._state.data["directories"]
        for change in changes:
            made += files.make_parents(change.entry.path)
        self._state.save()
        try:
            for change in changes:
                files.stage(change)
                self._validate(change)
        except BaseException:
            files.discard(changes)
            raise
        for change in changes:
            files.commit(change)
        files.sync_directories(change.entry.path for change in changes)

    def remove(self, paths: list[str]) -> None:
        """Remove files that the role shipped once and ships no longer, and directories made for them that are empty."""
        for path in paths:
            before = files.Present(path)
            if before.kind in ("file", "link"):
                self._before[path] = before
                self._note(path, {"before_header": path, "after_header": f"{path} (removed)", "before": "", "after": ""})
                self.removed.append(path)
                if not self._picture.check:
                    files.remove(path)
        if self._picture.check:
            return
        files.sync_directories(self.removed)
        self._state.data["files"] = sorted(self._picture.entries)
        kept = []
        for made in sorted(self._state.data["directories"], reverse=True):
            try:
                if any(covers(made, path) for path in self._picture.entries):
                    kept.append(made)
                else:
                    os.rmdir(made)
            except OSError:
                if os.path.isdir(made):
                    kept.append(made)
        self._state.data["directories"] = sorted(kept)

    def verify(self, checks: list[list[str]]) -> None:
        """Let the daemons judge the new files; when one says no, put everything back and say what it said."""
        if self._picture.check or not (self.changed or self.removed or self._state.data["unverified"]):
            return
        for argv in checks:
            code, output = run(argv)
            if code:
                restored = self.roll_back()
                back = f"Put back: {', '.join(restored)}" if restored else "The files are those of an earlier run; nothing to put back"
                self._result["restored"] = restored
                raise Problem(f"{' '.join(argv)} refuses the new files (exit code {code}):\n{last_lines(output, 25)}\n{back}")
        self._state.data["unverified"] = False
        self._state.save()

    def roll_back(self) -> list[str]:
        """Put back what this run replaced or removed; return the paths."""
        for path, before in self._before.items():
            files.restore(path, before)
        files.sync_directories(self._before)
        self._state.data["files"] = sorted(
            path for path in {*self._state.data["files"], *self._before} if path not in self._before or self._before[path].kind != "absent"
        )
        self._state.data["unverified"] = False
        self._state.save()
        self._result["paths"] = []
        return sorted(self._before)

    def changed_below(self, prefix: str) -> bool:
        """Tell whether a file below prefix was written or removed."""
        return any(covers(prefix, path) for path in (*self.changed, *self.removed))

    def _validate(self, change: files.Change) -> None:
        entry = change.entry
        if not entry.validate or not change.temporary:
            return
        words = [word.replace("%s", change.temporary) for word in split_words(entry.validate)]
        code, output = run(words)
        if code:
            said = "(its words are not shown: the file is secret)" if entry.secret else last_lines(output, 25)
            raise Problem(f"{entry.source}: {entry.validate} refuses the new {entry.path} (exit code {code}), which stays as it was:\n{said}")

    def _note(self, path: str, difference: dict[str, str]) -> None:
        self._result["paths"].append(path)
        if self._picture.diff:
            self._result.setdefault("diff", []).append(difference)

    def _difference(self, change: files.Change) -> dict[str, str]:
        entry, before = change.entry, change.before
        header = f"{entry.path} ({', '.join(change.what)})"
        shown = {"before_header": entry.path, "after_header": header, "before": "", "after": ""}
        if entry.secret:
            return {"prepared": f"{header}: secret, not shown\n"}
        if set(change.what) <= {"owner", "group", "mode"}:
            shown["before"] = f"{before.uid}:{before.gid} {before.mode:04o}\n"
            shown["after"] = f"{entry.owner}:{entry.group} {entry.mode:04o}\n"
            return shown
        old = f"-> {before.link}\n".encode() if before.kind == "link" else before.content
        new = entry.content if entry.link is None and entry.content is not None else f"-> {entry.link}\n".encode()
        if len(old) + len(new) > DIFF_LIMIT or b"\0" in old or b"\0" in new:
            return {"prepared": f"{header}: {len(old)} bytes become {len(new)}, not shown\n"}
        shown["before"], shown["after"] = old.decode("utf-8", "replace"), new.decode("utf-8", "replace")
        return shown
