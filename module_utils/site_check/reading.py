"""Read an inventory as YAML nodes, which know their lines, and never as values that Ansible has already merged."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

VARIABLE_FOLDERS = ("group_vars", "host_vars")
YAML_SUFFIXES = (".yml", ".yaml")
VAULT = "$ANSIBLE_VAULT"


@dataclass(frozen=True)
class Fault:
    """Something wrong with an inventory: where, and what with its remedy."""

    place: str
    what: str

    def __str__(self) -> str:
        """As an editor's jump list wants it."""
        return f"{self.place}: {self.what}"


@dataclass(frozen=True)
class Setting:
    """A variable as an inventory sets it, for a group or a host."""

    name: str
    node: yaml.Node
    place: str
    owner: str
    of_host: bool


@dataclass
class Group:
    """A group as the inventory writes it."""

    name: str
    place: str
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


@dataclass
class Site:
    """Everything that the files of an inventory say."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)  # name -> place
    settings: list[Setting] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sealed: bool = False  # a file is encrypted whole, so not every name can be seen

    def members(self, group: str) -> list[str]:
        """The hosts of a group and of the groups below it."""
        found: dict[str, None] = {}
        waiting, seen = [group], set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.groups:
                continue
            seen.add(name)
            found.update(dict.fromkeys(self.groups[name].hosts))
            waiting += self.groups[name].children
        return list(found)

    def of_host(self, host: str, variable: str) -> Setting | None:
        """The variable as set for this host itself."""
        found = [setting for setting in self.settings if setting.of_host and setting.owner == host and setting.name == variable]
        return found[-1] if found else None

    def of_all(self, variable: str) -> Setting | None:
        """The variable as set for the whole site."""
        found = [setting for setting in self.settings if not setting.of_host and setting.owner == "all" and setting.name == variable]
        return found[-1] if found else None


def place(path: Path, node: yaml.Node | None = None) -> str:
    """A file as people write it, from where they stand, with the line of the node."""
    shown = os.path.relpath(path)
    shown = str(path) if shown.startswith("..") else shown
    return f"{shown}:{node.start_mark.line + 1}" if node is not None else shown


def pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Key, its node and the value's node of a mapping; nothing for what is no mapping."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key, value


def scalars(node: yaml.Node) -> Iterator[str]:
    """Every text in a node, keys included; writing the node as YAML again takes a third of the whole check."""
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    else:
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                yield from scalars(part)


def is_empty(node: yaml.Node) -> bool:
    """Whether YAML says nothing here."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def compose(path: Path, site: Site) -> yaml.Node | None:
    """The file's one document, None when there is none or it cannot be read; a fault is noted."""
    text = path.read_text(encoding="utf-8")
    if text.startswith(VAULT):
        site.sealed = True
        return None
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        site.faults.append(Fault(f"{place(path)}:{line}", f"this is no YAML: {error.problem}"))
        return None
    if node is not None and not isinstance(node, yaml.MappingNode) and not is_empty(node):
        site.faults.append(Fault(place(path, node), "a mapping of names to values has to stand here"))
        return None
    for name, key, others in repeated(node):
        site.faults.append(Fault(place(path, key), f"{name} stands here again, already set in line {others}; the last one silently wins"))
    return node


def repeated(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node, int]]:
    """Keys that a mapping, or one inside it, has twice: name, the second key, the first's line."""
    lines: dict[str, int] = {}
    for name, key, value in pairs(node):
        if name in lines:
            yield name, key, lines[name]
        lines[name] = key.start_mark.line + 1
        yield from repeated(value)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from repeated(item)


def read(sources: Iterable[str]) -> Site:
    """Read inventories, each a directory or a file with group_vars and host_vars beside it."""
    site = Site(groups={"all": Group("all", "inventory"), "ungrouped": Group("ungrouped", "inventory")})
    folders: dict[Path, None] = {}
    for source in map(Path, sources):
        if source.is_dir():
            folders[source] = None
            files = [path for path in sorted(source.iterdir()) if path.is_file() and path.suffix in YAML_SUFFIXES and path.name[0] != "."]
        else:
            folders[source.parent] = None
            files = [source] if source.suffix in YAML_SUFFIXES else []
        for path in files:
            for name, key, value in pairs(compose(path, site)):
                _group(site, path, name, key, value)
    for folder in folders:
        for kind in VARIABLE_FOLDERS:
            _variables(site, folder / kind, of_host=kind == "host_vars")
    return site


def _group(site: Site, path: Path, name: str, key: yaml.Node, node: yaml.Node) -> None:
    group = site.groups.setdefault(name, Group(name, place(path, key)))
    for section, section_key, content in pairs(node):
        if section == "hosts":
            for host, host_key, values in pairs(content):
                site.hosts.setdefault(host, place(path, host_key))
                group.hosts.append(host)
                site.settings += [
                    Setting(variable, value, place(path, variable_key), host, True) for variable, variable_key, value in pairs(values)
                ]
        elif section == "children":
            for child, child_key, child_node in pairs(content):
                group.children.append(child)
                _group(site, path, child, child_key, child_node)
        elif section == "vars":
            site.settings += [Setting(variable, value, place(path, k), name, False) for variable, k, value in pairs(content)]
        else:
            what = f"a group has hosts, children and vars, not {section}"
            site.faults.append(Fault(place(path, section_key), what))


def _variables(site: Site, folder: Path, of_host: bool) -> None:
    if not folder.is_dir():
        return
    # A folder may be a link, as Ansible has it: one inventory says of everybody what another says.
    for path in sorted(Path(at) / name for at, _, names in os.walk(folder, followlinks=True) for name in names):
        relative = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in relative.parts) or path.suffix not in (*YAML_SUFFIXES, ".json", ""):
            continue
        owner = relative.parts[0] if len(relative.parts) > 1 else path.stem if path.suffix in (*YAML_SUFFIXES, ".json") else path.name
        known = site.hosts if of_host else site.groups
        if len(relative.parts) == 1 and path.suffix and (folder / owner).is_dir():
            what = f"Ansible reads the folder {folder.name}/{owner} and then not this file: move it into the folder"
            site.faults.append(Fault(place(path), what))
        if owner not in known:
            kind = "host" if of_host else "group"
            site.faults.append(Fault(place(path), f"the inventory has no {kind} {owner}{near(owner, known)}"))
        site.settings += [Setting(name, value, place(path, key), owner, of_host) for name, key, value in pairs(compose(path, site))]


def near(name: str, known: Iterable[str]) -> str:
    """The question that a misspelt name deserves, or nothing."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""
