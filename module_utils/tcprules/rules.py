"""Turn what an inventory holds, text or a list, into the text of a rules file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The usual quote first; any byte that the value does not hold will do.
_QUOTES = "\"'/|%^~!#;:*+@"
_WORDS = {"address", "decision", "variables"}


def rules_text(rules: str | Sequence[str | Mapping[str, Any]]) -> str:
    """Return the text of a rules file, which ends with a newline.

    rules: the text itself; or a list of lines; or of mappings with address (nothing: the default rule), decision (allow or deny,
    allow when not given) and variables (name to value). Raises ValueError naming the entry that cannot be written.
    """
    if isinstance(rules, str):
        return rules if rules.endswith("\n") or not rules else rules + "\n"
    return "".join(_line(number, rule) + "\n" for number, rule in enumerate(rules, 1))


def _line(number: int, rule: str | Mapping[str, Any]) -> str:
    if isinstance(rule, str):
        return rule.rstrip("\n")
    unknown = sorted(set(rule) - _WORDS)
    if unknown:
        raise ValueError(f"rule {number}: {', '.join(map(str, unknown))} means nothing; a rule has address, decision and variables")
    address, decision = str(rule.get("address") or ""), str(rule.get("decision", "allow"))
    if decision not in ("allow", "deny"):
        raise ValueError(f"rule {number}: the decision is {decision!r}; write allow or deny")
    for sign in ("\n", ":"):
        if sign in address:
            raise ValueError(f"rule {number}: {sign!r} cannot stand in the address {address!r}; tcprules knows addresses of IPv4 only")
    if address.startswith("#"):
        raise ValueError(f"rule {number}: an address that begins with # would be a comment; give a true one")
    variables = rule.get("variables") or {}
    return f"{address}:{decision}" + "".join(_variable(number, str(name), str(value)) for name, value in variables.items())


def _variable(number: int, name: str, value: str) -> str:
    quote = next((sign for sign in _QUOTES if sign not in value), None)
    if quote is None or "\n" in value or "\0" in value:
        raise ValueError(f"rule {number}: the value of {name} cannot be written in a rule; it holds a line end or every quote")
    return f",{name}={quote}{value}{quote}"
