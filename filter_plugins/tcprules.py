"""Filters that turn the rules of tcpserver into files: the source, its CDB, and Postfix tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from module_utils.tcprules import lint, postfix, rules  # noqa: E402, because the path must be known first

Rules = str | Sequence[str | Mapping[str, Any]]


def tcprules_source(given: Rules) -> str:
    """Return the text of the rules file, after lint. given: text, lines, or mappings (see module_utils/tcprules/rules.py)."""
    try:
        text = rules.rules_text(given)
        lint.accepted(text)
    except ValueError as error:
        raise AnsibleFilterError(f"the rules cannot be installed:\n{error}") from error
    return text


def tcprules_postfix(given: Rules, discard: str = "silent-discard", given6: str = "") -> dict[str, Any]:
    """Compile rules for Postfix. discard: the instance's smtpd_discard_ehlo_keywords. given6: rules for networks of IPv6, as text.

    Returns tables (file name to text; always the same names), main_cf (parameter to value), notes (sentences for the operator).
    """
    try:
        compiled = postfix.compile_rules(rules.rules_text(given), discard, given6)
    except ValueError as error:
        raise AnsibleFilterError(f"the rules cannot be carried over to Postfix:\n{error}") from error
    return {"tables": compiled.tables, "main_cf": compiled.main_cf, "notes": compiled.notes}


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"tcprules_source": tcprules_source, "tcprules_postfix": tcprules_postfix}
