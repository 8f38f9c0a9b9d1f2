"""Entries of the directory out of the inventory's lists."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins.directory import FilterModule, directory_entries, directory_services


@pytest.mark.parametrize(
    ("given", "defaults", "expected"),
    [
        ({"uid": "ann"}, {}, {"dn": "uid=ann,ou=X", "uid": "ann"}),
        ({"cn": "staff", "gidNumber": 5}, {"objectClass": ["posixGroup"]}, {"dn": "cn=staff,ou=X", "objectClass": ["posixGroup"]}),
        ({"ou": "CTS", "cn": "x"}, {}, {"dn": "cn=x,ou=X"}),
        ({"uid": "ann", "cn": "Ann"}, {"userPassword": None}, {"dn": "uid=ann,ou=X"}),
        ({"uid": "ann", "objectClass": ["mine"]}, {"objectClass": ["theirs"]}, {"objectClass": ["mine"]}),
        ({"dn": "o=x", "o": "x"}, {}, {"dn": "o=x"}),
    ],
)
def test_directory_entries(given: dict[str, Any], defaults: dict[str, Any], expected: dict[str, Any]) -> None:
    (entry,) = directory_entries([given], "ou=X", defaults)
    assert {**given, **expected}.items() <= entry.items()
    assert ("userPassword" in entry) is (defaults.get("userPassword") is not None)


def test_directory_entries_without_a_name() -> None:
    with pytest.raises(ValueError, match="an object for ou=X has none of uid, cn, ou: mail"):
        directory_entries([{"mail": "a@b.c"}], "ou=X", {})


def test_directory_services() -> None:
    identity = {"name": "proxy", "password": "secret", "reads": {"ou=People": ["mail"]}}
    assert directory_services([identity]) == [{"cn": "proxy", "userPassword": "secret"}]


def test_names() -> None:
    assert set(FilterModule().filters()) == {"directory_entries", "directory_services"}
