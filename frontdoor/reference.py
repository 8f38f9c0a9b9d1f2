"""./lab docs: pages that are made from what the code says of itself; a test compares them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

MARKUP = re.compile(r"\b[CIBOV]\(([^)]*)\)")


def prose(description: str | list[str]) -> str:
    """Turn Ansible's markup into Markdown's, paragraphs into one line."""
    lines = [description] if isinstance(description, str) else description
    return MARKUP.sub(r"`\1`", " ".join(" ".join(line.split()) for line in lines))


def cell(content: str) -> str:
    """Make text safe inside a table."""
    return content.replace("|", "\\|")


def default(option: Mapping[str, Any]) -> str:
    """Say what happens without the option."""
    if option.get("required"):
        return "**required**"
    value = option.get("default")
    if value is None or value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def rows(options: Mapping[str, Mapping[str, Any]], above: str = "") -> list[str]:
    """One line for each option and, indented by its parent's name, for each of theirs."""
    lines = []
    for name, option in options.items():
        kind = str(option.get("type", "str"))
        if option.get("elements"):
            kind += f" of {option['elements']}"
        choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if option.get("choices") else ""
        lines.append(f"| `{above}{name}` | {kind} | {cell(default(option))} | {cell(prose(option.get('description', '')))}{choices} |")
        lines.extend(rows(option.get("options") or {}, f"{above}{name}."))
    return lines


def role_page(role: Path) -> str:
    """Write the page of a role from its argument_specs and the files it puts on a machine."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    lines = [f"# Role {role.name}: {prose(specs['short_description'])}", ""]
    description = specs.get("description") or []
    for paragraph in [description] if isinstance(description, str) else description:
        lines += [prose(paragraph), ""]
    if specs.get("options"):
        lines += ["## Variables", "", "| variable | type | default | meaning |", "|---|---|---|---|", *rows(specs["options"]), ""]
    shipped = sorted(
        f"/{path.relative_to(folder)}" for folder in (role / "templates", role / "files") for path in folder.rglob("*") if path.is_file()
    )
    files = [path for path in shipped if not path.startswith("/_")]
    if files:
        lines += ["## Files on the machine", "", *[f"- `{path}`" for path in files], ""]
    lines += ["Made by `./lab docs` from `meta/argument_specs.yml` and `templates/`.", ""]
    return "\n".join(lines)


def filters(path: Path) -> dict[str, str]:
    """Return the filters of a file of filter_plugins by name, with the first paragraph of what they say of themselves."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: ast.get_docstring(node) or "" for node in module.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name == "filters":
            for inner in ast.walk(node):
                if isinstance(inner, ast.Dict):
                    pairs = zip(inner.keys, inner.values, strict=True)
                    found.update(
                        (str(key.value), functions.get(value.id, "").split("\n\n")[0])
                        for key, value in pairs
                        if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
                    )
    return found


def module_line(path: Path) -> str:
    """Return a line of the table of modules."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "DOCUMENTATION":
            said = yaml.safe_load(ast.literal_eval(node.value))
            return f"| `{path.stem}` | {cell(prose(said['short_description']))} |"
    return f"| `{path.stem}` | |"


def reference_page(root: Path) -> str:
    """Write docs/reference.md: roles, modules, filters."""
    lines = [
        "# Reference",
        "",
        "Made by `./lab docs` from what the code says of itself. `ansible-doc -t module NAME` says all of a module.",
        "",
    ]
    lines += ["## Roles", "", "| role | what it is |", "|---|---|"]
    for specs in sorted((root / "roles").glob("*/meta/argument_specs.yml")):
        role = specs.parent.parent.name
        said = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]
        lines.append(f"| [{role}](../roles/{role}/README.md) | {cell(prose(said['short_description']))} |")
    lines += ["", "## Modules", "", "| module | what it does |", "|---|---|"]
    lines += [module_line(path) for path in sorted((root / "library").glob("*.py")) if path.name != "__init__.py"]
    lines += ["", "## Filters", "", "| filter | what it returns |", "|---|---|"]
    for path in sorted((root / "filter_plugins").glob("*.py")):
        lines += [f"| `{name}` | {cell(' '.join(said.split()))} |" for name, said in filters(path).items()]
    return "\n".join([*lines, ""])


def write(root: Path) -> list[Path]:
    """Write every page that is made; return those that changed."""
    pages = {
        specs.parent.parent / "README.md": role_page(specs.parent.parent)
        for specs in sorted((root / "roles").glob("*/meta/argument_specs.yml"))
    }
    pages[root / "docs" / "reference.md"] = reference_page(root)
    changed = [page for page, content in pages.items() if not page.exists() or page.read_text(encoding="utf-8") != content]
    for page in changed:
        page.parent.mkdir(exist_ok=True)
        page.write_text(pages[page], encoding="utf-8")
    return changed


def main() -> int:
    """Write the pages of this checkout and name those that changed."""
    root = Path(__file__).resolve().parent.parent
    for page in write(root):
        print(page.relative_to(root))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
