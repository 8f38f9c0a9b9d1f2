"""Filters for tmpfiles.d(5)."""

from __future__ import annotations

from typing import Any


def tmpfiles_text(text: str) -> str:
    """Write a file's content as the argument of an f line: C escapes, and % doubled, for it begins a specifier."""
    return text.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"tmpfiles_text": tmpfiles_text}
