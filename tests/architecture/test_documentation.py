"""What is not documented fails: modules, filters, the front door's commands, and a page for each role made from its specification."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from frontdoor import reference
from tests.architecture import tree

MODULES = [path for path in tree.below("library", "playbooks/lab/library", suffix=".py") if path.name != "__init__.py"]
FILTERS = [path for path in tree.below("filter_plugins", suffix=".py") if path.name != "__init__.py"]


def constants(path: Path) -> dict[str, Any]:
    """The string constants at the top of a Python file."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value.value
    return found


@pytest.mark.parametrize("path", MODULES, ids=tree.name)
def test_modules_are_documented_as_ansible_documents(path: Path) -> None:
    said = constants(path)
    documentation = yaml.safe_load(said["DOCUMENTATION"])
    assert documentation["module"] == path.stem
    assert documentation["short_description"]
    assert documentation["description"]
    for name, option in documentation.get("options", {}).items():
        assert option.get("description"), f"{path.stem}: {name} has no description"
        assert option.get("type"), f"{path.stem}: {name} has no type"
    assert yaml.safe_load(said["EXAMPLES"]), f"{path.stem} has no examples"
    for name, value in (yaml.safe_load(said["RETURN"]) or {}).items():
        assert {"description", "type"} <= set(value), f"{path.stem}: the returned {name} is not described"


@pytest.mark.parametrize("path", MODULES, ids=tree.name)
def test_examples_of_modules_use_options_that_exist(path: Path) -> None:
    said = constants(path)
    options = set(yaml.safe_load(said["DOCUMENTATION"]).get("options", {}))
    for task in yaml.safe_load(said["EXAMPLES"]):
        if isinstance(task, dict) and isinstance(task.get(path.stem), dict):
            assert set(task[path.stem]) <= options, f"{path.stem}: {set(task[path.stem]) - options}"


@pytest.mark.parametrize("path", FILTERS, ids=tree.name)
def test_filters_are_documented_and_have_a_test(path: Path) -> None:
    tests = "\n".join(tree.text(one) or "" for one in tree.below("tests", "services", suffix=".py"))
    for name, description in reference.filters(path).items():
        assert description, f"{path.name}: {name} has no docstring"
        assert re.search(rf"\b{name}\b", tests), f"no test names the filter {name}"


@pytest.mark.parametrize("role", tree.ROLES)
def test_the_page_of_each_role_is_what_its_specification_says(role: str) -> None:
    page = tree.ROOT / "roles" / role / "README.md"
    assert page.exists(), f"{tree.name(page)} is missing: ./lab docs"
    assert page.read_text(encoding="utf-8") == reference.role_page(tree.ROOT / "roles" / role), f"{tree.name(page)} is old: ./lab docs"


def test_the_reference_is_up_to_date() -> None:
    page = tree.ROOT / "docs" / "reference.md"
    assert page.exists(), "docs/reference.md is missing: ./lab docs"
    assert page.read_text(encoding="utf-8") == reference.reference_page(tree.ROOT), "docs/reference.md is old: ./lab docs"


def test_every_command_of_the_front_door_has_a_line_in_its_page() -> None:
    source = tree.text(tree.ROOT / "frontdoor" / "cli.py") or ""
    verbs = set(re.findall(r'add(?:_parser)?\(\s*"([a-z-]+)"', source)) or set(re.findall(r'^\s+"([a-z]+)":', source, re.MULTILINE))
    assert verbs >= {"up", "test", "down", "status", "shell", "probe"}, verbs
    page = tree.text(tree.ROOT / "docs" / "lab.md") or ""
    missing = {verb for verb in verbs if f"lab {verb}" not in page}
    assert not missing, f"docs/lab.md does not mention: {missing}"


def test_links_between_pages_lead_somewhere() -> None:
    for path in tree.files():
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", tree.text(path) or ""):
            assert (path.parent / target).exists(), f"{tree.name(path)} links to {target}, which is not there"
