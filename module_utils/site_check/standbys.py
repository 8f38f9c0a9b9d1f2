"""What an inventory has to keep to where standbys may run its mailstores (docs/failover.md)."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from module_utils.site_check.reading import Fault, Setting, Site, near


def faults(site: Site) -> Iterator[Fault]:
    """Who stands in for whom, over which disks, known by which cards."""
    yield from _stand_ins(site)
    yield from _without_disks(site)
    yield from _cards(site)


def _text(setting: Setting) -> str:
    return setting.node.value if isinstance(setting.node, yaml.ScalarNode) else ""


def _stand_ins(site: Site) -> Iterator[Fault]:
    standbys, mailstores, with_disks = (site.members(noun) for noun in ("standby", "mailstore", "storage"))
    taken: dict[str, str] = {}
    for setting in (setting for setting in site.settings if setting.name == "stand_in"):
        host, standby = setting.owner, _text(setting)
        if not standby:
            continue
        if not setting.of_host or host not in mailstores or host not in with_disks:
            what = f"{host} has the stand_in {standby}, but only a host of mailstore and of storage can be run by another machine"
            yield Fault(setting.place, f"{what}: take it out")
        elif standby not in standbys:
            known = f"; there are {', '.join(standbys)}" if standbys else "; there is none"
            yield Fault(setting.place, f"{host} has the stand_in {standby}, which is no standby{near(standby, standbys) or known}")
        elif standby in taken:
            what = f"{host} and {taken[standby]} have the same stand_in {standby}, which can be only one of them"
            yield Fault(setting.place, f"{what}: find out whose LUNs it has, and take out the other")
        else:
            taken[standby] = host
            # Said anywhere else it would outlive the mailstore's return, for only this file is taken away then.
            file = f"host_vars/{host}/stand_in.yml"
            if not setting.place.rpartition(":")[0].endswith(file):
                what = f"{host} has the stand_in {standby}, which playbooks/failover-mailstore.yml keeps in {file}"
                yield Fault(setting.place, f"{what}: move it")


def _without_disks(site: Site) -> Iterator[Fault]:
    for standby in site.members("standby"):
        if standby not in site.members("storage"):
            yield Fault(site.hosts[standby], f"{standby} is of standby, but not of storage: it would not reach what it is to take over")


def _cards(site: Site) -> Iterator[Fault]:
    """Who has another's card would be let in to its disks."""
    seen: dict[str, Setting] = {}
    for setting in (setting for setting in site.settings if setting.name == "storage_hardware_address" and _text(setting)):
        other = seen.setdefault(_text(setting).lower(), setting)
        if other.owner != setting.owner:
            what = f"{setting.owner} has the storage_hardware_address {_text(setting)}, which is {other.owner}'s ({other.place})"
            yield Fault(setting.place, f"{what}: give each its own")
