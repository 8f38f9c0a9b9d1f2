"""What is known of a letter when its body ends, and what rules say of it. Knows no milter library."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .settings import Action, Settings

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
#: Comments in comments beyond this are left as they are, so that nobody keeps us busy.
_DEEPEST = 8
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)", re.DOTALL)


@dataclass(slots=True)
class Letter:
    """A letter as it is handed in. Addresses are without angle brackets."""

    client: str = ""
    login: str = ""
    sender: str = ""
    recipients: int = 0
    #: Values of all From fields, in their order; a letter should have one (RFC 5322 section 3.6).
    authors: list[str] = field(default_factory=list)
    #: Value of the first Content-Type field.
    kind: str = ""
    queue_id: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found, and what is to be done about it."""

    rule: str
    action: Action
    reason: str


def findings(letter: Letter, settings: Settings) -> list[Finding]:
    """Return what the rules that are on find in a letter."""
    found = []
    looked_at = settings.from_mismatch is not Action.OFF and letter.recipients > settings.from_mismatch_recipients
    if looked_at and not (_is_author(letter, settings) if letter.sender else _is_report(letter)):
        reason = "the envelope sender is not the author" if letter.sender else "it has no envelope sender and is no report"
        found.append(Finding("from_mismatch", settings.from_mismatch, reason))
    return found


def _is_report(letter: Letter) -> bool:
    """Tell whether a letter without a sender is one of those that have none: to one recipient, and a person's is a receipt (RFC 8098)."""
    return letter.recipients == 1 and (not letter.login or letter.kind.strip().lower().startswith("multipart/report"))


def _is_author(letter: Letter, settings: Settings) -> bool:
    """Tell whether the envelope sender is the first author in every From field: that is whom programs show, each in its own of several."""
    sender = normal(letter.sender, settings)
    return bool(letter.authors) and all(sender in [normal(one, settings) for one in addresses(value)[:1]] for value in letter.authors)


def addresses(value: str) -> list[str]:
    """Return the addresses that programs take from a From field. What stands before an angle bracket is a name, whatever it looks like."""
    # Comments nest (RFC 5322 section 3.2.2), so the innermost go first.
    text = _QUOTED.sub("q", value)
    for _ in range(_DEEPEST):
        text = _COMMENT.sub(" ", text)
    found = []
    for part in re.split("[,;]", text):
        bracketed = re.findall(r"<([^<>]*)>", part)
        found.append(bracketed[0] if len(bracketed) == 1 else "" if bracketed else part.rpartition(":")[2])
    return [one.strip() for one in found if one.strip()]


def normal(address: str, settings: Settings) -> str:
    """Return the form in which addresses of one mailbox are equal."""
    local, at, domain = address.strip().lower().rpartition("@")
    if settings.delimiter:
        local = local.partition(settings.delimiter)[0] or local
    same = [one.lower() for one in settings.same_domains]
    if domain in same:
        domain = same[0]
    return local + at + domain


def worst(found: list[Finding]) -> Action:
    """Return the strongest action that findings ask for."""
    order = list(Action)
    return max((one.action for one in found), key=order.index, default=Action.OFF)
