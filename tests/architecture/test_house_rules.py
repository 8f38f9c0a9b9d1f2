"""Rules that hold for every file: length, names that must not appear, services that stand alone, words that promise work."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture import tree

LONG = {".py", ".yml", ".yaml", ".sh", ".j2"}
LONGER_FOR_A_REASON: dict[str, str] = {}

REGISTRIES = tree.words(
    r"\b(?:deb|security|archive|ftp|snapshot) \. debian\.org | py pi\.org | files\. pythonhosted | galaxy\. ansible\.com"
    r" | quay\. io/ | docker\. io/"
)
HERE = tree.words(r"(?<![\w.])/wo rk/ | /tm p/p/ | \b10\.255\. 255\.53\b | \b192\.0\. 2\.2\b | \b203\.0\. 113\.80\b")
PROMISES = tree.words(r"\b(?:TO DO | FIX ME | XX X)\b")


def test_no_file_is_longer_than_a_person_reads() -> None:
    for path in tree.files():
        if path.suffix in LONG or path.name == "lab":
            lines = (tree.text(path) or "").count("\n")
            assert lines <= 300 or tree.name(path) in LONGER_FOR_A_REASON, f"{tree.name(path)} has {lines} lines"


def found(pattern: object, path: Path) -> list[str]:
    content = tree.text(path) or ""
    return [f"{tree.name(path)}: {match[0]}" for match in pattern.finditer(content)]  # type: ignore[attr-defined]  # re.Pattern


def test_no_registry_and_no_place_of_one_computer_is_named() -> None:
    hits = [hit for path in tree.files() for pattern in (REGISTRIES, HERE) for hit in found(pattern, path)]
    assert not hits


def test_nothing_is_left_for_later() -> None:
    hits = [hit for path in tree.files() for hit in found(PROMISES, path)]
    assert not hits


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_services_are_guests() -> None:
    """A service runs without this repository: it imports nothing of it, and no Ansible."""
    ours = {"ansible", "frontdoor", "module_utils", "library", "filter_plugins", "action_plugins", "tests", "bench", "molecule", "services"}
    for path in tree.below("services", suffix=".py"):
        if "tests" not in path.parts[len(tree.ROOT.parts) :]:
            assert not imports(path) & ours, tree.name(path)


def test_filters_are_pure_and_the_front_door_knows_no_role() -> None:
    for path in tree.below("filter_plugins", suffix=".py"):
        assert not imports(path) & {"subprocess", "socket", "frontdoor", "tests"}, tree.name(path)
    for path in tree.below("frontdoor", suffix=".py"):
        assert not imports(path) & {"library", "filter_plugins", "tests", "molecule"}, tree.name(path)


def test_collections_are_listed_and_used() -> None:
    listed = {entry["name"] for entry in tree.load(tree.ROOT / "requirements.yml")["collections"]}
    for entry in tree.load(tree.ROOT / "requirements.yml")["collections"]:
        assert entry.get("version"), f"{entry['name']} is not pinned"
    sources = "\n".join(tree.text(path) or "" for path in tree.below("roles", "playbooks", "molecule", "bench", "inventory"))
    unused = {name for name in listed if f"{name}." not in sources}
    assert not unused, f"listed and not used: {unused}"
    used = set()
    for path in tree.below("roles", "playbooks", "molecule", suffix=".yml"):
        for key, _ in tree.strings(tree.load(path)):
            parts = key.split(".")
            if len(parts) == 3 and all(part.isidentifier() for part in parts) and parts[0] not in ("ansible", "vnd"):
                used.add(".".join(parts[:2]))
    assert used <= listed, f"used and not listed: {used - listed}"
