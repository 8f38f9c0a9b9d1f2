"""Values stand in inventories, expressions in the wiring, and every name is one that somebody reads (design, house rules 2 and 3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from frontdoor import secrets
from tests.architecture import tree

INVENTORIES = sorted(path.name for path in (tree.ROOT / "inventory").iterdir() if path.is_dir())
# Those that say of everybody what another says too: a folder that is a link.
WHOLE = [site for site in INVENTORIES if not (tree.ROOT / "inventory" / site / "group_vars" / "all").is_symlink()]
# Read by Python, each with the reader.
READ_BY_PYTHON = {"lab_virtual": "frontdoor: the lab's machines are made by it"}
# Expressions that an inventory may hold, each with its reason.
LITERAL_EXCEPT = {
    ("lab", "ansible_ssh_common_args"): "the lab's ssh configuration lies in the checkout, wherever that is",
}
# Literals that the wiring may hold, each with its reason.
EXPRESSIVE_EXCEPT = {
    "ansible_user": "root is who configures machines; a site may say otherwise in its inventory",
    "cluster_resolv_conf": "where the resolver is named is a promise between roles, and a path is no site's value",
    "cluster_tls": "where base puts a certificate is a promise between roles, and a path is no site's value",
    "cluster_service_names": "what people's mail programs are told to call: part of the meaning of the noun",
    "postfix_instances": "the stages of an exchanger: part of the meaning of the noun",
    "postfix_next_hop": "the order of an exchanger's stages",
    "mx_outside_hide_clients": "what people hand in goes out into the world: part of the meaning of the noun",
    "mx_outside_next_hop": "the order of an exchanger's stages",
}
SECRET = re.compile(r"\bcluster_secrets\.(\w+)")
OF_A_HOST = {"address", "public_address", "address6", "public_address6"}


def variables(*folders: str) -> list[tuple[Path, str, Any]]:
    """Every variable that files of YAML below some folders set."""
    return [(path, name, value) for path in tree.below(*folders, suffix=".yml") for name, value in (tree.load(path) or {}).items()]


def has_expression(value: Any) -> bool:
    return any("{{" in string or "{%" in string for _, string in tree.strings(value))


@pytest.mark.parametrize("site", INVENTORIES)
def test_inventories_hold_values(site: str) -> None:
    assert not has_expression(tree.load(tree.ROOT / "inventory" / site / "hosts.yml"))
    for path, name, value in variables(f"inventory/{site}/group_vars", f"inventory/{site}/host_vars"):
        assert not has_expression(value) or (site, name) in LITERAL_EXCEPT, (
            f"{tree.name(path)}: {name} is an expression; it belongs to the wiring"
        )


def test_the_wiring_holds_expressions() -> None:
    for path, name, value in variables("playbooks/group_vars"):
        # A name that begins with __ is the wiring's own word for something that its expressions say more than once.
        assert has_expression(value) or name in EXPRESSIVE_EXCEPT or name.startswith("__"), (
            f"{tree.name(path)}: {name} is a value; it belongs into inventories"
        )


def test_what_one_machine_works_out_for_all_is_the_same_on_all() -> None:
    wiring = {name: value for _, name, value in variables("playbooks/group_vars/all")}
    elsewhere = {name for path, name, _ in variables("playbooks/group_vars") if path.parent.name != "all"}
    tasks = [task for play in tree.load(tree.ROOT / "playbooks/site.yml") for task in play.get("tasks", [])]
    once = next(task["ansible.builtin.set_fact"] for task in tasks if "ansible.builtin.set_fact" in task)
    assert once == {name: "{{ " + name + " }}" for name in once}
    assert not once.keys() & elsewhere
    seen: set[str] = set()
    todo = set(once)
    while todo:
        name = todo.pop()
        assert name not in {"inventory_hostname", "group_names", *OF_A_HOST}, f"{name} differs from machine to machine"
        seen.add(name)
        asked = {word for _, text in tree.strings(wiring.get(name)) if "{{" in text for word in tree.asked(text)}
        todo |= asked - seen


def test_no_exception_outlives_its_reason() -> None:
    literal = {
        (path.relative_to(tree.ROOT).parts[1], name)
        for path, name, value in variables("inventory")
        if "group_vars" in path.parts and has_expression(value)
    }
    assert set(LITERAL_EXCEPT) <= literal
    assert set(EXPRESSIVE_EXCEPT) <= {name for _, name, value in variables("playbooks/group_vars") if not has_expression(value)}


def test_the_wiring_sets_only_options_that_roles_have() -> None:
    known = {option for role in tree.ROLES for option in tree.options(role)}
    for path, name, _ in variables("playbooks/group_vars"):
        assert name in known or name.startswith(("cluster_", "ansible_", "__")), f"{tree.name(path)}: no role has an option {name}"


@pytest.mark.parametrize("site", INVENTORIES)
def test_inventories_set_only_what_somebody_reads(site: str) -> None:
    known = {option for role in tree.ROLES for option in tree.options(role)}
    read: set[str] = set()
    for path in tree.below("playbooks", suffix=".yml"):
        read |= tree.asked_in_yaml(path)
    for path, name, _ in variables(f"inventory/{site}/group_vars", f"inventory/{site}/host_vars"):
        assert name in known or name in read or name in READ_BY_PYTHON or name.startswith("ansible_"), (
            f"{tree.name(path)}: nobody reads {name}"
        )


def test_every_name_in_the_wiring_exists() -> None:
    """A cluster_ name is set by the wiring, or by every inventory, or it is asked for with a default."""
    wired = {name for _, name, _ in variables("playbooks/group_vars")}
    everywhere = [{name for _, name, _ in variables(f"inventory/{site}/group_vars")} | {"cluster_secrets"} for site in WHOLE]
    promised = set.intersection(*everywhere)
    for path in tree.below("playbooks/group_vars", suffix=".yml"):
        source = path.read_text(encoding="utf-8")
        for name in tree.asked_in_yaml(path):
            if name.startswith("cluster_") and name not in wired | promised:
                assert f"{name} | default(" in source, f"{tree.name(path)}: {name} is set nowhere"


def test_the_wirings_own_words_are_used() -> None:
    for path in tree.below("playbooks/group_vars", suffix=".yml"):
        own = {name for name in tree.load(path) or {} if name.startswith("__")}
        assert own <= tree.asked_in_yaml(path), tree.name(path)


def test_roles_get_every_required_option_from_the_wiring() -> None:
    wired = {name for _, name, _ in variables("playbooks/group_vars")}
    for site in INVENTORIES:
        given = wired | {name for _, name, _ in variables(f"inventory/{site}/group_vars")}
        for role in tree.ROLES:
            missing = {name for name, option in tree.options(role).items() if option.get("required") and name not in given}
            assert not missing, f"{site}: nobody gives {role} its {missing}"


def test_the_plays_are_sentences_about_nouns() -> None:
    for play in tree.load(tree.ROOT / "playbooks" / "site.yml"):
        if "hosts" in play:
            assert len(play["name"].split()) >= 4, play["name"]
            assert play.get("gather_facts") is False, play["name"]
            for role in play.get("roles", []):
                assert role in tree.ROLES, f"{play['name']}: there is no role {role}"


def test_every_secret_is_read_by_the_wiring_and_the_other_way_round() -> None:
    read = {name for path in tree.below("playbooks/group_vars", suffix=".yml") for name in SECRET.findall(path.read_text(encoding="utf-8"))}
    described = set(tree.load(tree.ROOT / "playbooks" / "site_values.yml")["values"]["cluster_secrets"]["options"])
    assert read == described == set(secrets.NAMES)


def test_each_play_is_called_by_its_noun() -> None:
    first, disks, dns, base, *plays = tree.load(tree.ROOT / "playbooks" / "site.yml")
    assert first["tags"] == ["always"], "whatever is run, the inventory is judged first"
    assert (disks["hosts"], disks["tags"]) == ("shelf", ["always"]), "and then by those who know who runs a mailstore"
    assert not disks.get("roles"), "which changes nothing"
    for play in (dns, *plays):
        assert play["tags"] == play["hosts"].split(":"), play["name"]
    # Names are needed to fetch packages, so name servers come before all others; those get their base in one play, side by side.
    assert dns["roles"][0] == "base" == base["roles"][0]
    assert sorted(base["hosts"].split(":")) == sorted({noun for play in plays for noun in play["hosts"].split(":")})
