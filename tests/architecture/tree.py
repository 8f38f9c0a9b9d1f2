"""The repository as these tests read it: tracked or about to be, and the variables that YAML and templates ask for."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# Keywords whose strings are expressions without braces.
BARE = {"when", "until", "failed_when", "changed_when", "that"}


@functools.cache
def files() -> list[Path]:
    """Every file of the project, as git sees it: tracked, or new and not ignored."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def below(*folders: str, suffix: str = "") -> list[Path]:
    """Every file of the project below some folders."""
    return [path for path in files() if any(ROOT / folder in path.parents for folder in folders) and path.name.endswith(suffix)]


def name(path: Path) -> str:
    """A path as people write it."""
    return str(path.relative_to(ROOT))


def text(path: Path) -> str | None:
    """The content of a text file, None for others."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


class Loader(yaml.SafeLoader):
    """YAML with Ansible's tags: their content is as good as any."""


for tag in ("!vault", "!unsafe"):
    Loader.add_constructor(tag, lambda _, node: str(node.value))


def load(path: Path) -> Any:
    """Read YAML; nothing when the file does not exist."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader) if path.exists() else None  # noqa: S506  a SafeLoader


class Anything(dict[str, Any]):
    """Filters and tests as Ansible has them, as far as parsing goes: there is one of every name."""

    def get(self, key: str, _default: Any = None) -> Any:
        """Return some function."""
        return super().get(key, len)


def environment() -> jinja2.Environment:
    """Return Jinja as Ansible has it."""
    parser = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], trim_blocks=True)  # noqa: S701  parsed, not rendered
    parser.filters = Anything(parser.filters)
    parser.tests = Anything(parser.tests)
    return parser


def asked(source: str) -> set[str]:
    """The variables that a template reads and does not set itself."""
    return jinja2.meta.find_undeclared_variables(environment().parse(source))


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in YAML with the key it stands below."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner, content in value.items():
            yield from strings(content, str(inner))
            yield from strings(inner, "")
    elif isinstance(value, list):
        for content in value:
            yield from strings(content, key)


def asked_in_yaml(path: Path) -> set[str]:
    """The variables that a file of tasks or variables reads."""
    found: set[str] = set()
    for key, value in strings(load(path)):
        if key in BARE and "{{" not in value:
            found |= asked("{{ " + value + " }}")
        elif "{{" in value or "{%" in value:
            found |= asked(value)
    return found


def set_in_tasks(path: Path) -> set[str]:
    """What tasks register, loop over or set."""
    found: set[str] = {"item"}

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key in ("register", "loop_var", "index_var"):
                if isinstance(value.get(key), str):
                    found.add(value[key])
            for key in ("vars", "set_fact", "ansible.builtin.set_fact"):
                if isinstance(value.get(key), dict):
                    found.update(value[key])
            for content in value.values():
                walk(content)
        elif isinstance(value, list):
            for content in value:
                walk(content)

    walk(load(path))
    return found


def options(role: str) -> dict[str, dict[str, Any]]:
    """The options that a role's argument_specs describe."""
    specs = load(ROOT / "roles" / role / "meta" / "argument_specs.yml") or {}
    return dict(specs.get("argument_specs", {}).get("main", {}).get("options", {}))


def defaults(role: str) -> dict[str, Any]:
    """The role's defaults."""
    return dict(load(ROOT / "roles" / role / "defaults" / "main.yml") or {})


def words(pattern: str) -> re.Pattern[str]:
    """Compile a pattern written with blanks between its letters, so that this file does not contain what it looks for."""
    return re.compile(pattern.replace(" ", ""))
