"""Filters that write Postfix tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

# A filter is loaded by its path, without the repository around it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from module_utils.tcprules.postfix import compile_rules


def pcre_rule(pattern: str, result: str) -> str:
    """Write one line of a pcre_table(5): who matches the pattern gets the result.

    pattern: a regular expression; a leading ``!`` inverts it, as in the JMS patch's pattern files. result: an access(5) action.
    Raises ValueError naming a pattern that is no regular expression or would break the line.
    """
    negated, expression = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    if not expression.strip() or "\n" in expression:
        raise ValueError(f"{pattern!r} is no pattern: give one regular expression, on one line")
    try:
        re.compile(expression)
    except re.error as fault:
        raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault
    delimited = re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", expression)
    return f"{negated}/{delimited}/ {result}"


def tcprules_postfix(rules: str, discard: str = "") -> dict[str, Any]:
    """Compile tcprules text into what an SMTP server of Postfix reads.

    discard: EHLO keywords that no client is offered, whatever the rules say. Returns ``tables`` (file name to content)
    and ``main_cf`` (parameter to value, from the default rule). Raises ValueError with every line that cannot be honoured.
    """
    compiled = compile_rules(str(rules))
    tables = dict(compiled.tables)
    # The server's own answer for unknown recipients, instead of Postfix's.
    tables["recipients.cidr"] = tables["recipients.cidr"].replace("\treject_unlisted_recipient", "\ttcprules_recipients")
    if discard:
        # The address map decides alone when it answers (postconf(5) smtpd_discard_ehlo_keyword_address_maps), so it must say everything.
        tables["ehlo.cidr"] = tables["ehlo.cidr"].replace("\tsilent-discard", f"\tsilent-discard, {discard}")
    return {"tables": tables, "main_cf": dict(compiled.main_cf)}


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"pcre_rule": pcre_rule, "tcprules_postfix": tcprules_postfix}
