"""What the tree action needs on the control node when something went wrong: where in a template, and which words to hide."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jinja2

# Words in which passwords stand between the signs of configuration languages.
_WORD = re.compile(r"[^\s\"'`<>{}()\[\],;]+")
_PART = re.compile(r"[^=:/@|\s]+")
_QUOTED = re.compile(r"'([^'\s]+)'")
HIDDEN = "(secret)"
SHORTEST = 4


def locate(text: str, fails: Callable[[str], bool], message: str, known_line: int | None = None) -> tuple[int, str]:
    """Return number and text of the template's line that an error comes from.

    text: the template. fails: renders a beginning of it and tells whether that fails. message: the error, whose quoted names
    choose among the lines of one statement. known_line: what Jinja says itself for mistakes of syntax.
    Jinja loses the line of an undefined variable because Ansible raises it after rendering; so the shortest beginning that
    fails is looked for, among the beginnings that are templates of their own.
    """
    lines = text.splitlines()
    if known_line and known_line <= len(lines):
        return known_line, lines[known_line - 1].strip()
    ends = [end for end in range(1, len(lines) + 1) if _is_whole(lines[:end])]
    good, bad = 0, len(ends)
    while good < bad:  # a beginning that holds the mistake keeps it however long it grows
        middle = (good + bad) // 2
        if fails("\n".join(lines[: ends[middle]]) + "\n"):
            bad = middle
        else:
            good = middle + 1
    if good == len(ends):
        return 0, ""
    first, last = (ends[good - 1] if good else 0), ends[good]
    for name in _QUOTED.findall(message):
        word = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\b")
        for number in range(first, last):
            if word.search(lines[number]):
                return number + 1, lines[number].strip()
    return first + 1, lines[first].strip()


def _is_whole(lines: list[str]) -> bool:
    environment = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=False)  # noqa: S701, because nothing is rendered with it
    try:
        environment.parse("\n".join(lines) + "\n")
    except jinja2.TemplateSyntaxError:
        return False
    return True


def syntax_line(error: BaseException | None) -> int | None:
    """Return the line that Jinja names for a mistake of syntax, from anywhere in a chain of causes."""
    while error is not None:
        if isinstance(error, jinja2.TemplateSyntaxError):
            return error.lineno
        error = error.__cause__ or error.__context__
    return None


def suggestion(message: str, names: Iterable[str]) -> str:
    """Return '; did you mean …?' for an undefined variable that resembles a defined one, else nothing."""
    found = re.search(r"'([A-Za-z_][A-Za-z0-9_]*)' is undefined", message)
    near = difflib.get_close_matches(found.group(1), [str(name) for name in names], 1) if found else []
    return f"; did you mean {near[0]}?" if near else ""


def secret_words(files: Mapping[str, Mapping[str, Any]], templates: Mapping[str, str]) -> list[str]:
    """Return the words of secret files that stand neither in their templates nor in any file that is not secret.

    Those came from variables: passwords and keys. files: path → content and secret. templates: path → text before rendering.
    """
    public: set[str] = set()
    hidden: set[str] = set()
    for path, what in files.items():
        words = _words(what.get("content") or "")
        if what.get("secret"):
            hidden |= words - _words(templates.get(path, ""))
        else:
            public |= words
    return sorted((word for word in hidden - public if len(word) >= SHORTEST), key=len, reverse=True)


def _words(text: str) -> set[str]:
    return {part for word in _WORD.findall(text) for part in (word, *_PART.findall(word))}


def hide(value: Any, words: list[str]) -> Any:
    """Return a result with the secret words replaced, wherever in it they stand."""
    if isinstance(value, str):
        for word in words:
            value = value.replace(word, HIDDEN)
        return value
    if isinstance(value, list):
        return [hide(item, words) for item in value]
    if isinstance(value, dict):
        return {key: hide(item, words) for key, item in value.items()}
    return value
