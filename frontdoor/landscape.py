"""What the inventory promises, read without Ansible: it is literal (design, house rule 2), so YAML is all it takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Machine:
    """A host of the inventory. public_address is the address itself where the machine does not face the internet.

    address6 and public_address6 are empty where it has none, or where the site uses no IPv6.
    """

    name: str
    fqdn: str
    address: str
    public_address: str
    address6: str = ""
    public_address6: str = ""


class Landscape:
    """One site: its machines by group, and the values of group_vars/all."""

    def __init__(self, folder: Path) -> None:
        """folder: inventory/<site>; further hosts files, as molecule adds one, are merged in the order of their names."""
        self.folder = folder
        self.hosts: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, list[str]] = {}
        for file in sorted(folder.glob("hosts*.yml")):
            self.add(file)

    def add(self, file: Path) -> None:
        """Read one more file of hosts, as a further -i would."""
        for name, group in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            self._group(name, group or {})

    def _group(self, name: str, group: Mapping[str, Any]) -> list[str]:
        members = self.groups.setdefault(name, [])
        for host, values in (group.get("hosts") or {}).items():
            self.hosts.setdefault(host, {}).update(values or {})
            if host not in members:
                members.append(host)
        for child, content in (group.get("children") or {}).items():
            members.extend(host for host in self._group(child, content or {}) if host not in members)
        return members

    @cached_property
    def values(self) -> dict[str, Any]:
        """Everything in group_vars/all, secrets among it."""
        found: dict[str, Any] = {}
        for file in sorted((self.folder / "group_vars" / "all").glob("*.yml")):
            found.update(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
        return found

    def everywhere(self, name: str) -> Any:
        """Return a variable from whichever file of group_vars sets it, or None; folders may be links to another inventory's."""
        walk = os.walk(self.folder / "group_vars", followlinks=True)
        for file in sorted(Path(top) / name for top, _, names in walk for name in names if name.endswith(".yml")):
            values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            if name in values:
                return values[name]
        return None

    @property
    def domain(self) -> str:
        """The domain of the cluster: the first of its mail domains."""
        return str(self.values["cluster_domains"][0])

    def machine(self, name: str) -> Machine:
        """Return one machine; KeyError when the inventory does not know it."""
        host = self.hosts[name]
        address = str(host["address"])
        ipv6 = self.values.get("cluster_ipv6", True)
        address6, public6 = (str(host.get(key, "")) if ipv6 else "" for key in ("address6", "public_address6"))
        public6 = public6 or (address6 if "public_address" not in host else "")
        return Machine(name, f"{name}.{self.domain}", address, str(host.get("public_address", address)), address6, public6)

    def machines(self, group: str) -> list[Machine]:
        """Return the machines of a group in the order of the inventory; none when there is no such group."""
        return [self.machine(name) for name in self.groups.get(group, [])]

    @property
    def virtual(self) -> list[str]:
        """Machines of the lab with a kernel of their own."""
        return [name for name, values in self.hosts.items() if "lab_virtual" in {**values, **self.of_host(name)}]

    def of_host(self, name: str) -> dict[str, Any]:
        """What files of host_vars say of a machine: host_vars/NAME.yml or those below host_vars/NAME."""
        folder = self.folder / "host_vars"
        found: dict[str, Any] = {}
        for file in [folder / f"{name}.yml", *sorted((folder / name).glob("*.yml"))]:
            found.update(yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.exists() else {})
        return found

    @property
    def ours(self) -> list[Machine]:
        """Every machine that site.yml looks after."""
        outside = self.groups.get("world", [])
        return [self.machine(name) for name in self.hosts if name not in outside]
