"""Filters that hand the keys of outgoing mail, which the control node keeps, to the machines that sign with them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)


def dkim_due(directory: str, domains: Iterable[str]) -> bool:
    """Say whether the first selector has to be made, or a domain has no record yet.

    directory: where selectors.yml is. domains: for which its keys sign. Raises ValueError when the file cannot be read.
    """
    from module_utils import dkim  # noqa: PLC0415  cryptography takes 15 ms, which tasks with other filters need not wait

    selectors = dkim.read(directory)
    return not dkim.of_stage(selectors, dkim.SIGNING) or dkim.for_domains(selectors, domains) != selectors


def dkim_signs(directory: str, predict: bool = False) -> str:
    """Return the selector that signs.

    directory: where selectors.yml is. predict: in check mode there may be none yet; the word "first" stands for it then.
    Raises ValueError when there is none, or the file cannot be read.
    """
    from module_utils import dkim  # noqa: PLC0415  as above

    selector = dkim.of_stage(dkim.read(directory), dkim.SIGNING)
    if not selector and predict:
        return "first"
    if not selector:
        raise ValueError(f"{directory}/{dkim.STATE} names no selector that signs: site.yml makes the first one, so run it once as a whole")
    return selector


def dkim_keys(directory: str, predict: bool = False) -> dict[str, str]:
    """Return the private keys a signer holds, by selector: the one that signs, and those that have been or will be while they are in DNS.

    Held before it is due, a key is there whenever the signer looks into its tables. directory, predict, raises: as for dkim_signs.
    """
    from module_utils import dkim  # noqa: PLC0415  as above

    names = [name for name, entry in dkim.read(directory).items() if entry["records"]]
    if not names and predict:
        return {"first": "(the next run that may change things makes it)"}
    try:
        return {name: Path(directory, f"{name}.key").read_text(encoding="ascii").rstrip("\n") for name in names}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"a key of a selector that is in DNS cannot be read: {error}") from error


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"dkim_due": dkim_due, "dkim_signs": dkim_signs, "dkim_keys": dkim_keys}
