"""A role knows its own variables and nothing else: no other role, no group, no hostvars, no name of the cluster (design, section 2)."""

from __future__ import annotations

import pytest

from tests.architecture import tree

# What Ansible itself hands to every task, none of which says where in which cluster a machine stands.
ANSIBLES_OWN = {
    "ansible_check_mode",
    "ansible_diff_mode",
    "ansible_playbook_python",  # delegated tasks run with the control node's Python
    "ansible_version",
    "role_path",
    "role_name",
    "omit",
    "lookup",
    "query",
    "undef",
    "now",
    "range",
    "dict",
    "namespace",
    "joiner",
    "cycler",
    "lipsum",
    "ansible_loop",
}


def allowed(role: str, name: str) -> bool:
    return name.startswith((f"{role}_", f"__{role}_")) or name in ANSIBLES_OWN


@pytest.mark.parametrize("role", tree.ROLES)
def test_a_role_reads_only_its_own_variables(role: str) -> None:
    folder = tree.ROOT / "roles" / role
    foreign: dict[str, set[str]] = {}
    local = {"item"}
    yaml_files = [
        path for path in tree.below(f"roles/{role}", suffix=".yml") if path.parent.parent == folder and path.parent.name != "meta"
    ]
    for path in yaml_files:
        local |= tree.set_in_tasks(path)
    for path in yaml_files:
        foreign[tree.name(path)] = {name for name in tree.asked_in_yaml(path) if not allowed(role, name) and name not in local}
    for path in tree.below(f"roles/{role}/templates"):
        source = tree.text(path)
        if source is not None:
            foreign[tree.name(path)] = {name for name in tree.asked(source) if not allowed(role, name)}
    assert not any(foreign.values()), {path: names for path, names in foreign.items() if names}


@pytest.mark.parametrize("role", tree.ROLES)
def test_a_role_calls_no_other_role_and_gathers_nothing(role: str) -> None:
    meta = tree.load(tree.ROOT / "roles" / role / "meta" / "main.yml") or {}
    assert not meta.get("dependencies")
    for path in tree.below(f"roles/{role}/tasks", suffix=".yml"):
        for key, value in tree.strings(tree.load(path)):
            assert "hostvars" not in value, (tree.name(path), value)
            assert "groups[" not in value, (tree.name(path), value)
            assert "ansible_facts" not in value, (tree.name(path), value)
            module = key.rpartition(".")[2]
            assert module not in ("include_role", "import_role", "setup", "gather_facts"), (tree.name(path), key)


@pytest.mark.parametrize("role", tree.ROLES)
def test_a_role_has_its_parts_and_no_handlers(role: str) -> None:
    """Units follow files by the tree task's own memory, which an interrupted run does not lose; handlers would be forgotten."""
    folder = tree.ROOT / "roles" / role
    for part in ("meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml"):
        assert (folder / part).exists(), f"{role} lacks {part}"
    assert not (folder / "handlers").exists()
    assert not list(folder.glob("templates/**/*.j2")), "a template has the name of the file it becomes"


@pytest.mark.parametrize("role", tree.ROLES)
def test_specs_and_defaults_agree(role: str) -> None:
    options, defaults = tree.options(role), tree.defaults(role)
    assert set(defaults) <= set(options), f"not described: {set(defaults) - set(options)}"
    for name, option in options.items():
        assert name.startswith(f"{role}_"), f"{name} does not begin with {role}_"
        assert option.get("description"), f"{name} has no description"
        assert option.get("type"), f"{name} has no type"
        if option.get("required"):
            assert name not in defaults, f"{name} is required and has a default"
            continue
        assert name in defaults, f"{name} is neither required nor in defaults/main.yml"
        if "default" in option or not isinstance(defaults[name], str) or "{{" not in defaults[name]:
            assert option.get("default") == defaults[name], (
                f"{name}: the specification says {option.get('default')!r}, defaults {defaults[name]!r}"
            )


@pytest.mark.parametrize("role", tree.ROLES)
def test_inner_variables_say_so(role: str) -> None:
    names = set(tree.load(tree.ROOT / "roles" / role / "vars" / "main.yml") or {})
    assert all(name.startswith(f"__{role}_") for name in names), names


@pytest.mark.parametrize("role", tree.ROLES)
def test_every_option_is_used(role: str) -> None:
    used: set[str] = set()
    for path in tree.below(f"roles/{role}/tasks", f"roles/{role}/vars", f"roles/{role}/defaults", suffix=".yml"):
        used |= tree.asked_in_yaml(path)
    for path in tree.below(f"roles/{role}/templates"):
        source = tree.text(path)
        used |= tree.asked(source) if source is not None else set()
    unused = set(tree.options(role)) - used
    assert not unused, f"described and never read: {unused}"


@pytest.mark.parametrize("role", tree.ROLES)
def test_tasks_fit_a_screen(role: str) -> None:
    for path in tree.below(f"roles/{role}/tasks", suffix=".yml"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 100, f"{tree.name(path)} has {lines} lines"
