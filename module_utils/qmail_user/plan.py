"""What qmail_user decides: the difference between the objects that are wanted and the directory as it is.

Nothing here talks to a server. All that can be refused is refused here, before the first write, with the object's name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from .schema import ALWAYS, ATTRIBUTES, CLASSES, OWNED_ADDRESSES, Rule
from .values import canonical_values, compare_key, dn_key, escape_dn_value, split_dn, unescape_dn_value

Values = dict[str, list[str]]
"""Attributes by name in lower case."""
Change = tuple[str, str, list[str]]
"""add, delete or replace; the attribute; the values (none with delete: all of them)."""

_NOT_ATTRIBUTES = frozenset({"dn", "state", "update_password"})
_UNKNOWN = Rule()


class RefusedError(ValueError):
    """The objects cannot be what was asked; `reasons` holds a sentence each."""

    def __init__(self, reasons: list[str]) -> None:
        """Keep the sentences. reasons: at least one."""
        super().__init__("; ".join(reasons[:20]) + (f"; and {len(reasons) - 20} more" if len(reasons) > 20 else ""))
        self.reasons = reasons


class DirectoryError(Exception):
    """The directory could not be asked or said no; the sentence names the entry."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object as the caller wants it."""

    dn: str
    key: str
    present: bool
    attributes: Values
    password: str | None = None
    password_follows: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the directory has it, as far as it was read."""

    dn: str
    attributes: Values


@dataclass(slots=True)
class Plan:
    """What to do, by DN; every list in the order of the objects."""

    create: list[tuple[str, Values]] = field(default_factory=list)
    modify: list[tuple[str, list[Change]]] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    verify: list[tuple[str, str]] = field(default_factory=list)
    """DN and password of existing entries whose password must be this one."""
    unchanged: int = 0

    def set_passwords(self, passwords: Iterable[tuple[str, str]]) -> None:
        """Add the setting of passwords, by DN, to what is done to existing entries."""
        steps = dict(self.modify)
        for dn, password in passwords:
            change: Change = ("replace", "userPassword", [password])
            if dn in steps:
                steps[dn].append(change)
            else:
                self.modify.append((dn, [change]))
                self.unchanged -= 1


def display_name(name: str) -> str:
    """Return an attribute's name as people write it."""
    known = ATTRIBUTES.get(name.lower())
    return known[0] if known else name


def parse_objects(objects: Iterable[Mapping[str, Any]], branch: str, password_follows: bool) -> list[Wanted]:
    """Read the caller's objects.

    branch: DN under which an object stands that gives a uid and no dn. password_follows: what holds where an object does not say.
    Raises RefusedError with every fault found, each naming its object.
    """
    wanted: list[Wanted] = []
    reasons: list[str] = []
    seen: set[str] = set()
    for number, given in enumerate(objects, 1):
        label = str(given.get("dn") or given.get("uid") or f"object {number}")
        try:
            item = _parse_object(given, branch, password_follows)
        except ValueError as error:
            reasons.append(f"{label}: {error}")
            continue
        if item.key in seen:
            reasons.append(f"{label}: stands in the list twice")
        seen.add(item.key)
        wanted.append(item)
    if reasons:
        raise RefusedError(reasons)
    return wanted


def _parse_object(given: Mapping[str, Any], branch: str, password_follows: bool) -> Wanted:
    state = given.get("state", "present")
    if state not in {"present", "absent"}:
        raise ValueError(f"state: {state!r} is neither present nor absent")
    follows = given.get("update_password", "always" if password_follows else "on_create")
    if follows not in {"always", "on_create"}:
        raise ValueError(f"update_password: {follows!r} is neither always nor on_create")
    attributes: Values = {}
    for name, value in given.items():
        if name in _NOT_ATTRIBUTES:
            continue
        if name.lower() in attributes:
            raise ValueError(f"{name}: given twice, in different cases")
        if name.lower() not in ATTRIBUTES:
            near = get_close_matches(name, [known for known, _rule in ATTRIBUTES.values()], 1)
            raise ValueError(f"{name}: no such attribute" + (f", did you mean {near[0]}?" if near else ""))
        attributes[name.lower()] = canonical_values(name, value)
    dn = given.get("dn")
    if not dn:
        if len(attributes.get("uid", [])) != 1:
            raise ValueError("needs a dn or one uid")
        dn = f"uid={escape_dn_value(attributes['uid'][0])},{branch}"
    naming, _, value = split_dn(str(dn))[0].partition("=")
    value = unescape_dn_value(value)
    rule = ATTRIBUTES.get(naming.lower(), (naming, _UNKNOWN))[1]
    held = attributes.setdefault(naming.lower(), [value])
    if state == "present" and compare_key(rule, value).lower() not in {compare_key(rule, one).lower() for one in held}:
        raise ValueError(f"{naming}: {', '.join(held) or 'no value'} does not name the entry {dn}")
    password = attributes.pop("userpassword", [])
    return Wanted(str(dn), dn_key(str(dn)), state == "present", attributes, password[0] if password else None, follows == "always")


def make_plan(
    wanted: list[Wanted],
    existing: Mapping[str, Entry],
    *,
    classes: list[str],
    mail_hosts: Collection[str] = (),
) -> Plan:
    """Compute the difference.

    existing: entries of the directory by dn_key; all those in `wanted`, and all that hold an address which is wanted.
    classes: objectClass of what is created and names none. mail_hosts: the valid ones; empty when any will do.
    Raises RefusedError with every fault found.
    """
    reasons: list[str] = []
    hosts = {host.lower() for host in mail_hosts}
    plan = Plan()
    for item in wanted:
        entry = existing.get(item.key)
        if not item.present:
            if entry is None:
                plan.unchanged += 1
            else:
                plan.delete.append(entry.dn)
            continue
        if hosts:
            reasons += [
                f"{item.dn}: mailHost: {host} is no mailstore ({', '.join(sorted(hosts))})"
                for host in item.attributes.get("mailhost", [])
                if host.lower() not in hosts
            ]
        reasons += [f"{item.dn}: {reason}" for reason in _refuse_for_classes(item, entry, classes)]
        if not reasons:
            _add_to_plan(plan, item, entry, classes)
    reasons += _find_second_owners(wanted, existing)
    if reasons:
        raise RefusedError(reasons)
    return plan


def _refuse_for_classes(item: Wanted, entry: Entry | None, classes: list[str]) -> list[str]:
    names = {name.lower() for name in item.attributes.get("objectclass", [])}
    if entry is not None:
        names |= {name.lower() for name in entry.attributes.get("objectclass", [])}
    elif not names:
        names = {name.lower() for name in classes}
    known = [CLASSES[name] for name in sorted(names) if name in CLASSES]
    must = frozenset[str]().union(*(rule.must for rule in known))
    given = set(item.attributes) | ({"userpassword"} if item.password is not None else set())
    reasons = []
    if len(known) == len(names):
        permitted = must.union(ALWAYS, *(rule.may for rule in known))
        reasons = [
            f"{display_name(name)}: not permitted by its classes ({', '.join(rule.name for rule in known)})"
            for name in sorted(given - permitted)
            if item.attributes.get(name) != []
        ]
    absent = must if entry is None else {name for name in must if item.attributes.get(name) == []}
    missing = [display_name(name) for name in sorted(absent - {"objectclass"}) if name not in given or item.attributes.get(name) == []]
    if missing:
        reasons.append(f"lacks {', '.join(missing)}, which its classes require")
    return reasons


def _add_to_plan(plan: Plan, item: Wanted, entry: Entry | None, classes: list[str]) -> None:
    if entry is None:
        attributes = {name: values for name, values in item.attributes.items() if values}
        attributes.setdefault("objectclass", classes)
        if item.password is not None:
            attributes["userpassword"] = [item.password]
        plan.create.append((item.dn, attributes))
        return
    changes = entry_changes(item, entry)
    if changes:
        plan.modify.append((entry.dn, changes))
    else:
        plan.unchanged += 1
    if item.password is not None and item.password_follows:
        plan.verify.append((entry.dn, item.password))


def entry_changes(item: Wanted, entry: Entry) -> list[Change]:
    """Return what must change in an entry, the smallest of it: values of a long list one by one, a single value replaced."""
    changes: list[Change] = []
    for name, values in item.attributes.items():
        held = entry.attributes.get(name, [])
        if values == held:
            continue
        rule = ATTRIBUTES[name][1]
        new = {compare_key(rule, value): value for value in values}
        old = {compare_key(rule, value): value for value in held}
        added = [value for key, value in new.items() if key not in old]
        removed = [] if name == "objectclass" else [value for key, value in old.items() if key not in new]
        if not added and not removed:
            continue
        label = ATTRIBUTES[name][0]
        if not values:
            changes.append(("delete", label, removed if name in OWNED_ADDRESSES else []))
        elif not held:
            changes.append(("add", label, values))
        elif rule.single:
            changes.append(("replace", label, values))
        else:
            if removed:
                changes.append(("delete", label, removed))
            if added:
                changes.append(("add", label, added))
    return changes


def _find_second_owners(wanted: list[Wanted], existing: Mapping[str, Entry]) -> list[str]:
    """Find addresses that would have two owners when all is done, of which one at least is among the wanted."""
    owners: dict[str, tuple[str, str]] = {}
    reasons: list[str] = []
    touched = {item.key: item for item in wanted}

    def claim(key: str, dn: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            first_key, first_dn = owners.setdefault(address, (key, dn))
            if first_key != key and (key in touched or first_key in touched):
                reasons.append(f"{dn}: {address} belongs to {first_dn} already")

    for key, entry in existing.items():
        item = touched.get(key)
        if item is None:
            claim(key, entry.dn, {value.lower() for name in OWNED_ADDRESSES for value in entry.attributes.get(name, [])})
    for item in wanted:
        if not item.present:
            continue
        held = existing.get(item.key)
        before = held.attributes if held else {}
        final = {value.lower() for name in OWNED_ADDRESSES for value in item.attributes.get(name, before.get(name, []))}
        claim(item.key, item.dn, final)
    return reasons


def count_plan(plan: Plan) -> dict[str, int]:
    """Count what a plan does: created, modified, deleted, unchanged."""
    return {"created": len(plan.create), "modified": len(plan.modify), "deleted": len(plan.delete), "unchanged": plan.unchanged}
