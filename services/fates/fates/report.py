"""Turn a closed book into one mapping of plain values: what every form of output is made from."""

from __future__ import annotations

from typing import Any

from .book import Book
from .kinds import CONNECTION, FATES, LETTER, MAIL_TAKEN, MESSAGE, OWN, RECIPIENT, SESSION, SLOTS, of_unit
from .machine import Machine
from .tallies import Tally

Report = dict[str, Any]

#: The lists of the most frequent, by their keys in the report, and what people call them.
TOPS = (
    ("viruses", "Viruses"),
    ("lists", "Lists that connections were refused for"),
    ("listed", "Lists that named a client"),
    ("banned", "Banned files"),
    ("passed_with_mark", "Passed although not clean"),
    ("viruses_handed_in", "Viruses in letters handed in"),
    ("banned_handed_in", "Banned files in letters handed in"),
    ("handed_in_with_mark", "Letters handed in that went on although not clean"),
    ("signed", "Signatures added, by domain and selector"),
    ("unattributed", "Why something is unattributed"),
)


def printable(text: str) -> str:
    """Return text that commands no terminal: whatever is not printable is written as an escape."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)


def _name(raw: bytes) -> str:
    return printable(raw.decode("utf-8", "replace"))


def _sum(lists: list[list[int]]) -> list[int]:
    return [sum(column) for column in zip(*lists, strict=True)] if lists else [0] * SLOTS


def _named(counts: list[int]) -> dict[str, dict[str, int]]:
    """Write counters as unit → fate → count, without the zeros."""
    found: dict[str, dict[str, int]] = {}
    for fate, count in zip(FATES, counts, strict=True):
        if count:
            found.setdefault(fate.unit, {})[fate.name] = count
    return found


def build(book: Book, top: int = 10) -> Report:
    """Return the report. top: how many names each list of the most frequent has."""
    machines = sorted(book.machines.values(), key=lambda machine: machine.name)
    hours: dict[str, list[list[int]]] = {}
    days: dict[str, list[list[int]]] = {}
    for machine in machines:
        for hour, counts in zip(machine.hours, machine.totals(), strict=True):
            name = _name(hour)
            hours.setdefault(name, []).append(counts)
            days.setdefault(name[:10], []).append(counts)
    total = _sum([_sum(lists) for lists in hours.values()])
    # What the talk's slide counts: what became of connections, and of the messages of those that brought mail.
    told = [slot for slot in of_unit(CONNECTION) if slot != MAIL_TAKEN] + of_unit(MESSAGE)
    whole = sum(total[slot] for slot in told)
    fates = [
        {
            "fate": FATES[slot].name,
            "unit": FATES[slot].unit,
            "count": total[slot],
            "percent": round(total[slot] * 100 / whole, 2),
            "talk": FATES[slot].talk,
            "meaning": FATES[slot].meaning,
        }
        for slot in sorted(told, key=lambda slot: -total[slot])
        if total[slot]
    ]
    world = [machine for machine in machines if not machine.submission]
    ours = [machine for machine in machines if machine.submission]
    busy = {_name(machine.name): _named(_sum(machine.totals())) for machine in machines}
    return {
        "from": min(hours, default=None),
        "to": max(hours, default=None),
        "lines": book.lines,
        "lines_odd": book.odd,
        "settled_early": sum(machine.early for machine in machines),
        "total": whole,
        "fates": fates,
        "units": _named(total),
        "recipients": _named(total).get(RECIPIENT, {}),
        "reconciliation": _reconcile(book, total),
        "unattributed": _top(machines, "reasons", top),
        "viruses": _top(world, "viruses", top),
        "lists": _top(world, "lists", top),
        "listed": _top(world, "listed", top),
        "banned": _top(world, "banned", top),
        "passed_with_mark": _top(world, "marks", top),
        "viruses_handed_in": _top(ours, "viruses", top),
        "banned_handed_in": _top(ours, "banned", top),
        "handed_in_with_mark": _top(ours, "marks", top),
        "signed": _top(machines, "signed", top),
        "machines": {name: units for name, units in busy.items() if units},
        "hours": {hour: _named(_sum(lists)) for hour, lists in sorted(hours.items())},
        "days": {day: _named(_sum(lists)) for day, lists in sorted(days.items())},
    }


def _top(machines: list[Machine], what: str, number: int) -> list[dict[str, Any]]:
    """Return what these machines counted most under a list of theirs."""
    whole = Tally()
    for machine in machines:
        whole.take(getattr(machine.tops, what))
    return [{"name": _name(name), "count": count} for name, count in whole.top(number)]


def _reconcile(book: Book, total: list[int]) -> list[dict[str, Any]]:
    """Set what began, by the lines of its beginning, against the sum of the fates."""
    rows = []
    for unit, (known, unseen) in book.begun().items():
        fates = sum(total[slot] for slot in of_unit(unit))
        rows.append(
            {"unit": unit, "what": _WHAT[unit], "begun": known, "begun_unseen": unseen, "fates": fates, "agrees": known + unseen == fates}
        )
    return rows


_WHAT = {
    CONNECTION: "connections",
    MESSAGE: "messages taken",
    OWN: "messages of our own",
    SESSION: "sessions of our people",
    LETTER: "letters handed in",
}
