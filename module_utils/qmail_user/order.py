"""In which order a plan is written, so that nothing waits for what comes after it."""

from __future__ import annotations

from .plan import Change, Plan, Values
from .schema import OWNED_ADDRESSES
from .values import split_dn


def release_first(plan: Plan) -> tuple[list[tuple[str, list[Change]]], list[tuple[str, list[Change]]]]:
    """Part modifications into those that give up an address which another object takes, and the rest: it moves within one call."""
    taken = {value.lower() for _, attributes in plan.create for name in OWNED_ADDRESSES for value in attributes.get(name, ())}
    for _, changes in plan.modify:
        taken |= {
            value.lower() for kind, name, values in changes if kind != "delete" and name.lower() in OWNED_ADDRESSES for value in values
        }
    giving: list[tuple[str, list[Change]]] = []
    taking: list[tuple[str, list[Change]]] = []
    for dn, steps in plan.modify:
        given = [
            step
            for step in steps
            if step[0] == "delete" and step[1].lower() in OWNED_ADDRESSES and taken.intersection(value.lower() for value in step[2])
        ]
        rest = [step for step in steps if step not in given]
        if given:
            giving.append((dn, given))
        if rest:
            taking.append((dn, rest))
    return giving, taking


def levels(entries: list[tuple[str, Values]]) -> list[list[tuple[str, Values]]]:
    """Part new entries by depth, the highest first: a parent must be there before its children are sent side by side."""
    depths = {len(split_dn(dn)) for dn, _ in entries}
    return [[entry for entry in entries if len(split_dn(entry[0])) == depth] for depth in sorted(depths)]
