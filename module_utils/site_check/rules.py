"""What an inventory has to keep to: known names, values of the right kind, and promises that fit each other."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from module_utils.site_check import standbys
from module_utils.site_check.kinds import judge
from module_utils.site_check.reading import Fault, Loader, Setting, Site, near, pairs, place, read, scalars

CONTROL_NODE = "localhost"
SECRET = re.compile(r"[A-Za-z0-9._~+-]{16,}")
FILE_FOR_ALL = "group_vars/all/site.yml"


@dataclass
class Known:
    """What the repository understands."""

    options: dict[str, dict[str, Any]] = field(default_factory=dict)  # of roles
    values: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the site, playbooks/site_values.yml and site_values/
    renamed: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    outside: str = "world"
    apart: list[dict[str, Any]] = field(default_factory=list)
    need: list[dict[str, str]] = field(default_factory=list)
    serve: list[dict[str, Any]] = field(default_factory=list)
    wired: dict[str, dict[str, str]] = field(default_factory=dict)  # name -> group of playbooks/group_vars -> place
    sources: dict[str, set[str]] = field(default_factory=dict)  # wired name -> names that its expression reads

    @classmethod
    def of(cls, root: Path) -> Known:
        """Read the repository's specifications and wiring."""
        known = cls()
        for path in sorted(root.glob("roles/*/meta/argument_specs.yml")) + sorted(
            root.glob("playbooks/lab/roles/*/meta/argument_specs.yml")
        ):
            spec = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506  a safe loader, the fast one where there is one
            known.options.update(spec["argument_specs"]["main"].get("options") or {})
        site = yaml.load((root / "playbooks/site_values.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506  as above
        known.values, known.renamed = site["values"], site.get("renamed") or {}
        for path in sorted((root / "playbooks/site_values").glob("*.yml")):
            known.values.update(yaml.load(path.read_text(encoding="utf-8"), Loader)["values"])  # noqa: S506  as above
        known.groups, known.outside = site["groups"], site["outside"]
        known.apart, known.need, known.serve = (site.get(name) or [] for name in ("apart", "need", "serve"))
        for path in sorted((root / "playbooks/group_vars").rglob("*.yml")):
            group = path.relative_to(root / "playbooks/group_vars").parts[0].removesuffix(".yml")
            for name, key, value in pairs(yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)):
                known.wired.setdefault(name, {})[group] = place(path, key)
                known.sources.setdefault(name, set()).update(re.findall(r"[a-z]+_[a-z_]+", "\n".join(scalars(value))))
        return known

    def spec(self, name: str) -> dict[str, Any] | None:
        """How a variable is described, None when nobody knows it."""
        return self.values.get(name) or self.options.get(name)


def faults(sources: Iterable[str], root: Path, secrets: Mapping[str, Any] | None = None) -> list[Fault]:
    """Everything that is wrong with inventories.

    sources: files or directories. root: of the repository. secrets: cluster_secrets as Ansible sees them, for encrypted files.
    Returns faults in the order of files and lines as far as they have any; none when the inventory is good.
    """
    known, site = Known.of(root), read(sources)
    found = list(site.faults)
    for setting in site.settings:
        found += _name(setting, known)
        spec = known.spec(setting.name)
        if spec:
            file = setting.place.rpartition(":")[0]
            found += [Fault(f"{file}:{node.start_mark.line + 1}", what) for node, what in judge(setting.name, setting.node, spec)]
    if not site.hosts:
        found.append(Fault(", ".join(sources), "the inventory has no hosts; see inventory/example for how one looks"))
        return found
    found += _groups(site, known)
    found += _apart(site, known)
    found += _need(site, known)
    found += _serve(site, known)
    found += _required(site, known)
    found += _addresses(site, known)
    found += _default_mailstore(site)
    found += _extra_records(site)
    found += standbys.faults(site)
    found += _secrets(site, known, secrets)
    return list(dict.fromkeys(found))


def _name(setting: Setting, known: Known) -> Iterator[Fault]:
    """Unknown, renamed, or decided elsewhere."""
    name = setting.name
    if name.startswith(("ansible_", "molecule_")):  # of the connection, and what molecule says of itself
        return
    if name in known.renamed:
        yield Fault(setting.place, f"{name} is called {known.renamed[name]} now: rename it here")
    elif name in known.wired and name not in known.values:
        wiring = known.wired[name]
        # Ansible's order: a group's own wiring beats the inventory's, that for all beats only the inventory's for all,
        # and what a host says beats both.
        beaten = wiring.get(setting.owner) or (wiring.get("all") if setting.owner == "all" else None)
        if name not in known.options or (beaten and not setting.of_host):
            made_of = sorted(known.sources[name] & set(known.values))
            remedy = f"set {' or '.join(made_of)} instead" if made_of else "take it out here"
            yield Fault(
                setting.place, f"{name} follows from the cluster ({beaten or next(iter(wiring.values()))}) and has no effect here: {remedy}"
            )
    elif known.spec(name) is None:
        yield Fault(
            setting.place, f"unknown variable {name}{near(name, [*known.values, *known.options, *known.renamed]) or '; take it out'}"
        )


def _groups(site: Site, known: Known) -> Iterator[Fault]:
    """Every host is of some noun; the control node need not be."""
    of_nouns = {host for noun in known.groups for host in site.members(noun)} | {CONTROL_NODE}
    for host, where in site.hosts.items():
        if host in of_nouns:
            continue
        groups = [group for group in site.groups if host in site.groups[group].hosts and group != "all"]
        hint = next((f": {group}{question}" for group in groups if (question := near(group, known.groups))), "")
        yield Fault(where, f"{host} is of no noun, so nothing would build it{hint or '; put it into one of ' + ', '.join(known.groups)}")


def _apart(site: Site, known: Known) -> Iterator[Fault]:
    """No host is of two nouns that do not go together."""
    for rule in known.apart:
        for other in rule["others"]:
            for host in set(site.members(rule["noun"])) & set(site.members(other)):
                what = f"{host} is of {rule['noun']} and of {other}, and {rule['why']}: give one of them a machine of its own"
                yield Fault(site.hosts[host], what)


def _need(site: Site, known: Known) -> Iterator[Fault]:
    """No noun has machines while another has none that it cannot do without."""
    for noun, other, why in ((rule["noun"], rule["other"], rule["why"]) for rule in known.need):
        if (hosts := site.members(noun)) and not site.members(other):
            what = f"{hosts[0]} is of {noun}, but no machine is of {other}: {why}; add the group {other} with a host"
            yield Fault(site.hosts[hosts[0]], what)


def _serve(site: Site, known: Known) -> Iterator[Fault]:
    """No machine stands ready for others while each of these has its own."""
    for rule in known.serve:
        noun, others = rule["noun"], " or ".join(rule["others"])
        here = set(site.members(noun))
        served = {host for other in rule["others"] for host in site.members(other)}
        if served - here:
            continue
        for host in sorted(here - served, key=list(site.hosts).index):
            if not served:
                remedy = f"no machine is of {others}: add one, or take {host} out of {noun}"
            else:
                remedy = f"every {others} is of {noun} too and does it for itself: take one of them out of {noun}, or {host}"
            yield Fault(site.hosts[host], f"{host} is of {noun}, which {rule['what']} for nobody, since {remedy}")


def _required(site: Site, known: Known) -> Iterator[Fault]:
    folder = _folder(site)
    for name, spec in known.values.items():
        if (
            spec.get("required")
            and not spec.get("of_host")
            and not any(setting.name == name for setting in site.settings)
            and not site.sealed
        ):
            yield Fault(f"{folder}/{FILE_FOR_ALL}", f"{name} is missing: {spec['description']} For example: {name}: {spec['example']}")
    for host, where in site.hosts.items():
        if host != CONTROL_NODE and site.of_host(host, "address") is None:
            yield Fault(where, f"{host} has no address: write {host}: {{address: 192.0.2.10}}")


def _folder(site: Site) -> str:
    """The directory of the inventory, as people write it."""
    return str(Path(next(iter(site.hosts.values())).rpartition(":")[0]).parent)


def _addresses(site: Site, known: Known) -> Iterator[Fault]:
    """No address twice, and machines of ours inside the cluster's networks."""
    taken: dict[str, tuple[str, str]] = {}
    networks = _networks(site.of_all("cluster_networks"))
    outside = set(site.members(known.outside))
    for host in site.hosts:
        for variable, version in (("address", 0), ("public_address", 0), ("address6", 6), ("public_address6", 6)):
            setting = site.of_host(host, variable)
            try:
                address = ipaddress.ip_address(getattr(getattr(setting, "node", None), "value", None) or "")
            except ValueError:
                continue
            assert setting is not None  # for the type checker: it had an address
            if version and address.version != version:
                yield Fault(setting.place, f"{host} has the {variable} {address}, which is no IPv{version} address")
                continue
            other = taken.setdefault(str(address), (host, setting.place))
            if other[0] != host:
                yield Fault(setting.place, f"{host} has the {variable} {address}, which is {other[0]}'s ({other[1]}): give each its own")
            inside = any(address in network for network in networks if network.version == address.version)
            if variable in ("address", "address6") and host not in outside and networks and not inside:
                what = f"{host} has the {variable} {address}, which is in none of cluster_networks: add its network there, or correct it"
                yield Fault(setting.place, what)


def _networks(setting: Setting | None) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for item in getattr(getattr(setting, "node", None), "value", None) or []:
        try:
            found.append(ipaddress.ip_network(item.value))
        except (ValueError, AttributeError):
            continue  # judged with its own sentence
    return found


def _default_mailstore(site: Site) -> Iterator[Fault]:
    setting = site.of_all("cluster_default_mailstore")
    stores = site.members("mailstore")
    if setting is not None and isinstance(setting.node, yaml.ScalarNode) and stores and setting.node.value not in stores:
        question = near(setting.node.value, stores) or f"; there are {', '.join(stores)}"
        yield Fault(setting.place, f"cluster_default_mailstore: {setting.node.value} is no mailstore{question}")


def _extra_records(site: Site) -> Iterator[Fault]:
    """Addresses in records and zones given by hand; named-checkzone(1) judges the rest on the machine."""
    for setting in site.settings:
        if setting.name not in ("dns_extra_zones", "dns_extra_records") or not isinstance(setting.node, yaml.SequenceNode):
            continue
        file = setting.place.rpartition(":")[0]
        of_zones = ({key: value for key, _, value in pairs(zone)}.get("records") for zone in setting.node.value)
        lists = [setting.node] if setting.name == "dns_extra_records" else [one for one in of_zones if isinstance(one, yaml.SequenceNode)]
        for record in (record for list_ in lists for record in list_.value):
            said = {key: value for key, _, value in pairs(record)}
            version = {"A": 4, "AAAA": 6}.get(getattr(said.get("type"), "value", ""))
            value = said.get("value")
            if version and isinstance(value, yaml.ScalarNode) and not _is_address(value.value, version):
                yield Fault(f"{file}:{value.start_mark.line + 1}", f"{setting.name}: {value.value} is no IPv{version} address")


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _secrets(site: Site, known: Known, seen: Mapping[str, Any] | None) -> Iterator[Fault]:
    wanted = known.values["cluster_secrets"]["options"]
    setting = site.of_all("cluster_secrets")
    given = {name for name, _, _ in pairs(setting.node)} if setting else set()
    given |= set(seen or {})
    missing = [name for name, option in wanted.items() if option.get("required") and name not in given]
    if missing and not (site.sealed and seen is None):
        file = f"{_folder(site)}/group_vars/all/secrets.yml"
        yield Fault(file, f"cluster_secrets lacks {', '.join(missing)}: run playbooks/secrets.yml, it makes what is missing")
    for name, key, node in pairs(setting.node) if setting else ():
        plain = isinstance(node, yaml.ScalarNode) and not node.tag.startswith("!")
        value = (seen or {}).get(name, node.value if plain else None)
        if name in wanted and value is not None and not SECRET.fullmatch(str(value)):
            # Never the value itself: this is shown and logged.
            where = f"{setting.place.rpartition(':')[0]}:{key.start_mark.line + 1}" if setting else ""
            rule = "at least 16 letters, digits or characters of . _ ~ + -, for it stands unquoted in files of several programs"
            yield Fault(where, f"cluster_secrets.{name} is no password for here: {rule}; remove it and run playbooks/secrets.yml")
