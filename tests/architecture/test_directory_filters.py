"""What roles and services ask the directory for: their identity may read it, and a filter finds an index."""

from __future__ import annotations

import re

import pytest
import yaml

from module_utils.qmail_user.schema import ATTRIBUTES
from tests.architecture import tree
from tests.private_slapd import wiring

# Who asks as whom: what playbooks/group_vars gives the role as its bind identity.
ASKS_AS = {"mailstore": "mailstore", "proxy": "proxy", "mx_inside": "inside", "sasl": "sasl", "services/recipients/recipients": "senders"}
# What an entry is and when it changed comes with every branch, or is the server's own.
ALWAYS = {"objectclass"}
# What is asked of one kind of entry alone: groups have members and nothing else that counts, everybody else has none.
GROUPS = ("ou=Groups", {"memberuid"})

_TERM = re.compile(r"\(([a-z][A-Za-z0-9]+)(?:=|>=|<=)(\*\))?")
_ASKED = re.compile(r"%\{ldap(?:_multi)?:([A-Za-z0-9]+)|^\s*\w*result_attribute\s*=\s*(.+)$", re.MULTILINE)


def source(asker: str) -> str:
    folders = [asker] if "/" in asker else [f"roles/{asker}/templates", f"roles/{asker}/vars", f"roles/{asker}/defaults"]
    return "\n".join(tree.text(path) or "" for path in tree.below(*folders))


def terms(asker: str) -> dict[str, bool]:
    """Return the attributes that filters name, and whether one is compared with a value."""
    found: dict[str, bool] = {}
    for name, presence in _TERM.findall(source(asker)):
        if name.lower() in ATTRIBUTES:
            found[name] = found.get(name, False) or not presence
    return found


def asked(asker: str) -> set[str]:
    """Return the attributes whose values are asked for."""
    names = {name for one, several in _ASKED.findall(source(asker)) for name in [one, *re.split(r"[,\s]+", several)]}
    if "/" in asker:  # a service names them in its Python
        names |= set(re.findall(r"[\"']([A-Za-z0-9]+)[\"']", source(asker)))
    return {name for name in names if name.lower() in ATTRIBUTES}


@pytest.mark.parametrize("asker", ASKS_AS)
def test_what_is_asked_for_may_be_read(asker: str) -> None:
    identity = next(one for one in wiring()["directory_identities"] if one["name"] == ASKS_AS[asker])
    # A filter on what one may not read is silently false, so every branch must offer all of it.
    needed = {name.lower() for name in [*terms(asker), *asked(asker)]} - ALWAYS
    assert needed
    for branch, attributes in identity["reads"].items():
        if branch == GROUPS[0] and asker != "mailstore":
            assert {name.lower() for name in attributes} >= GROUPS[1]
            continue
        needed -= GROUPS[1]
        lists_only = {"rfc822member", "dnmember"} if branch == "ou=People" and asker != "mailstore" else set()
        missing = needed - {name.lower() for name in attributes} - lists_only
        assert not missing, f"{asker} asks as cn={identity['name']} for {sorted(missing)} under {branch}"


@pytest.mark.parametrize("asker", ASKS_AS)
def test_what_a_filter_compares_is_indexed(asker: str) -> None:
    indexed = {
        name.lower() for name in yaml.safe_load((tree.ROOT / "roles/directory/vars/main.yml").read_text())["__directory_equality_indexes"]
    }
    compared = {name.lower() for name, with_value in terms(asker).items() if with_value}
    # These stand beside an indexed address in every filter, and only tell one of a few entries apart.
    beside = {"membersonly", "senderconfirm"}
    assert compared - indexed - beside == set()
