"""Filters that size a content filter by its memory, and write Perl for amavisd."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

# Megabytes, measured with amavisd-new 2.13 and SpamAssassin 4.0.1 (docs/content_filter.md): the parent with all rules loaded, and what a
# child adds for itself while it works on a letter of the largest size that SpamAssassin is given.
PARENT = 200
CHILD = 90
# A program that opens an archive works beside its child. 7-Zip asks for as much as the archive's dictionary.
OPENER = 64
# With one child amavisd forks none: the parent does the work, and ends when a child would have been retired.
FEWEST_CHILDREN = 2
SMALLEST = PARENT + FEWEST_CHILDREN * (CHILD + OPENER)
DEFAULT = 1024
MOST_CHILDREN = 64


def content_filter_limits(memory: int | str | None) -> dict[str, int]:
    """Say what a content filter may do at once with so much memory.

    memory: megabytes for amavisd and all that it starts, not for the virus scanner; None is the
    role's default.
    Returns numbers: children; body_bytes (what SpamAssassin is given of a letter); expansion_bytes (what all parts of one letter may
    become on the disk) and its floor smallest_expansion_bytes; files and levels (parts of one letter, and how deep they are nested);
    seconds (for one letter); tasks, memory_high and memory_max (megabytes) as systemd's fence.
    Raises ValueError when the memory is too little.
    """
    megabytes = DEFAULT if memory is None else int(memory)
    if megabytes < SMALLEST:
        raise ValueError(f"content_filter_memory: {megabytes} MB are too few, amavisd needs {SMALLEST}")
    children = min((megabytes - PARENT) // (CHILD + OPENER), MOST_CHILDREN)
    # What a letter becomes lies on the disk, and in the page cache while it is looked at: a quarter of the memory for one of them.
    expansion = min(max(megabytes // 4, 128), 512) * 1024 * 1024
    return {
        "children": children,
        "body_bytes": 512 * 1024,
        "expansion_bytes": expansion,
        "smallest_expansion_bytes": 1024 * 1024,
        "files": 1500,
        "levels": 14,
        "seconds": 480,
        "tasks": 32 + 8 * children,
        "memory_high": megabytes,
        # Above the mark systemd slows the service down; what grows on in spite of that is ended, and its letter is tried again.
        "memory_max": megabytes + max(megabytes // 4, 128),
    }


def rotated(items: Sequence[Any], turns: int) -> list[Any]:
    """Begin a list at another item, so that each of its users prefers another one.

    items: the list. turns: how many items go from its head to its end.
    """
    if not items:
        return []
    turns %= len(items)
    return [*items[turns:], *items[:turns]]


def perl_string(value: Any) -> str:
    """Write a value as Perl's single-quoted string: nothing in it is interpreted (perlop, q//)."""
    text = str(value)
    if "\0" in text:
        raise ValueError("a string for Perl holds a NUL character")
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def perl_list(values: Iterable[Any]) -> str:
    """Write values as what stands between the parentheses of a Perl list."""
    return ", ".join(perl_string(value) for value in values)


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "content_filter_limits": content_filter_limits,
            "perl_list": perl_list,
            "perl_string": perl_string,
            "rotated": rotated,
        }
