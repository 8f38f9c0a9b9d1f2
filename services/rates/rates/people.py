"""What an entry of the directory says of a person who sends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

NUMBER = "posthouseRecipientsPerHour"
#: A person's own number, if there is one, and the address, if there is one.
Found = tuple[int | None, str]


def person(entries: Iterable[tuple[str | None, Mapping[str, Sequence[bytes]]]]) -> Found:
    """Read the answer to a search for one person; nothing when there is none, or more than one. References are passed by."""
    found = [attributes for dn, attributes in entries if dn is not None]
    if len(found) != 1:
        return None, ""
    one = {name.lower(): bytes(values[0]).decode("ascii", "replace") for name, values in found[0].items() if values}
    number, address = one.get(NUMBER.lower(), ""), one.get("mail", "")
    # Only what needs no quoting in a header or in SMTP: else the postmaster is written to.
    usable = re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+", address)
    return int(number) if re.fullmatch(r"-?[0-9]{1,9}", number) else None, address if usable else ""
