"""What qmail_user says about what it did: names, counts, differences; never a password."""

from __future__ import annotations

from collections.abc import Mapping

from .plan import Change, Entry, Plan, Values, display_name

_SHOWN = 100
_SECRET = "userpassword"  # noqa: S105  the name of the attribute


def first_changes(plan: Plan) -> dict[str, list[str]]:
    """Return the DNs of the first hundred entries of each kind of change."""
    return {
        "created": [dn for dn, _ in plan.create[:_SHOWN]],
        "modified": [dn for dn, _ in plan.modify[:_SHOWN]],
        "deleted": plan.delete[:_SHOWN],
    }


def _lines(values: Values) -> list[str]:
    shown = []
    for name in sorted(values):
        shown += [f"{display_name(name)}: {'********' if name == _SECRET else value}" for value in values[name]]
    return shown


def _after(before: Values, changes: list[Change]) -> Values:
    after = {name: list(values) for name, values in before.items()}
    for kind, name, values in changes:
        held = after.get(name.lower(), [])
        if kind == "delete" and values:
            gone = {value.lower() for value in values}
            after[name.lower()] = [value for value in held if value.lower() not in gone]
        else:
            after[name.lower()] = [*held, *values] if kind == "add" else values
    return after


def diff_of(plan: Plan, existing: Mapping[str, Entry]) -> list[dict[str, str]]:
    """Return before and after of the first hundred entries that change, only the attributes that do."""
    entries = {entry.dn: entry.attributes for entry in existing.values()}
    parts: list[tuple[str, list[str], list[str]]] = [(dn, [], _lines(attributes)) for dn, attributes in plan.create]
    for dn, changes in plan.modify:
        names = {name.lower() for _, name, _ in changes}
        before = {name: values for name, values in entries[dn].items() if name in names}
        parts.append((dn, _lines(before), _lines(_after(before, changes))))
    parts += [(dn, _lines(entries[dn]), []) for dn in plan.delete]
    return [{"before_header": dn, "after_header": dn, "before": _text(old), "after": _text(new)} for dn, old, new in parts[:_SHOWN]]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
