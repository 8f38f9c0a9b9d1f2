"""A failover changes what it has to and nothing else: the same site rendered twice, with a mailstore at home and on a standby."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.architecture import tree
from tests.architecture.test_example_inventory import Pictures, render

SITE = tree.ROOT / "inventory" / "lab_storage"
#: Of this control node, or made on it, and so no part of what is tested.
MADE_HERE = shutil.ignore_patterns("pki", "dkim", "dnssec", "operator", "secrets.yml", "operator.yml", "ipv6.yml", "stand_in.yml")


def site_of(folder: Path, stand_in: str) -> Path:
    """Make an inventory in which apollo is at home or on a standby."""
    site = folder / "inventory" / "site"
    shutil.copytree(SITE, site, ignore=MADE_HERE)
    if stand_in:
        (site / "host_vars" / "apollo").mkdir(parents=True, exist_ok=True)
        (site / "host_vars" / "apollo" / "stand_in.yml").write_text(f"---\nstand_in: {stand_in}\n")
    return site


def rendered(folder: Path, stand_in: str) -> Pictures:
    """Machine -> tree -> the picture that would be sent."""
    site = site_of(folder, stand_in)
    ran = render(folder, site=site, POSTHOUSE_CHECKOUT=str(tree.ROOT))
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    found: Pictures = {}
    for path in folder.glob("*.*.json"):
        host, name, _ = path.name.split(".")
        found.setdefault(host, {})[name] = json.loads(path.read_text().replace(str(site), "SITE"))
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pictures, Pictures]:
    """At home, and run by artemis."""
    folders = [tmp_path_factory.mktemp(name) for name in ("home", "away")]
    with ThreadPoolExecutor(max(1, min(2, os.cpu_count() or 1))) as at_once:
        home, away = at_once.map(rendered, folders, ["", "artemis"])
    return home, away


def card(name: str) -> str:
    """The hardware address of a machine in the storage network."""
    nouns = tree.load(SITE / "hosts.yml")["all"]["children"]
    return str(nouns["mailstore" if name == "apollo" else "standby"]["hosts"][name]["storage_hardware_address"])


def content(pictures: Pictures, host: str, role: str, path: str) -> str:
    return str(pictures[host][role]["files"][path]["content"])


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def test_a_failover_gives_a_machine_the_roles_of_a_mailstore_and_a_standby_back_its_own() -> None:
    """The playbook says again what site.yml says, so that it touches nobody else."""
    site, failover = (tree.load(tree.ROOT / "playbooks" / name) for name in ("site.yml", "failover-mailstore.yml"))

    def roles_of(nouns: set[str]) -> list[str]:
        plays = [play for play in site if play.get("roles") and nouns & set(play["hosts"].split(":"))]
        return [role for play in plays for role in play["roles"]]

    by_host: dict[str, list[str]] = {}
    for play in failover:
        by_host.setdefault(play["hosts"], []).extend(play.get("roles", []))
    (machine,) = (roles for host, roles in by_host.items() if host.startswith("{{ mailstore"))
    assert machine == roles_of({"mailstore", "storage"})
    assert by_host["standby"] == roles_of({"standby", "storage"})
    assert by_host["shelf"] == ["shelf"]
    assert by_host["dns"] == ["dns"]


def test_only_name_servers_shelves_and_the_machine_itself_change(both: tuple[Pictures, Pictures]) -> None:
    home, away = both
    assert set(home) - set(away) == {"artemis"}, "who stands in is left alone"
    changed = {host for host in away if home[host] != away[host]}
    assert changed == {"apollo", "ns1", "san1"}
    assert {name for name in away["ns1"] if home["ns1"][name] != away["ns1"][name]} == {"dns"}
    assert {name for name in away["san1"] if home["san1"][name] != away["san1"][name]} == {"shelf"}


def test_names_lead_to_the_machine_that_runs_and_are_soon_forgotten(both: tuple[Pictures, Pictures]) -> None:
    home, away = both
    files = [pictures["ns1"]["dns"]["files"] for pictures in both]
    changed = differing(*files)
    assert "/etc/bind/posthouse/campus/madstop.test" in changed
    zones = [content(pictures, "ns1", "dns", "/etc/bind/posthouse/campus/madstop.test").splitlines() for pictures in (home, away)]
    assert "apollo 60 IN A 10.143.0.24" in zones[0]
    assert "apollo 60 IN AAAA 2001:db8:10:143::24" in zones[0]
    assert "artemis IN A 10.143.0.25" in zones[0]
    assert {line for line in zones[1] if line.split()[0] in ("apollo", "artemis") and line.split()[-2] in ("A", "AAAA")} == {
        "apollo 60 IN A 10.143.0.25",
        "apollo 60 IN AAAA 2001:db8:10:143::25",
    }
    pointers = [content(pictures, "ns1", "dns", "/etc/bind/posthouse/campus/0.143.10.in-addr.arpa") for pictures in (home, away)]
    assert "\n25 IN PTR artemis.madstop.test." in pointers[0]
    assert "\n25 IN PTR apollo.madstop.test." in pointers[1]
    assert "\n24 IN " not in pointers[1]


def test_shelves_let_in_the_one_that_runs_and_no_other(both: tuple[Pictures, Pictures]) -> None:
    for pictures, inside, outside in zip(both, ("apollo", "artemis"), ("artemis", "apollo"), strict=True):
        unit = content(pictures, "san1", "shelf", "/etc/systemd/system/posthouse-vblade@1.0.service")
        assert f" -m {card(inside)} " in unit
        assert card(outside) not in unit


@pytest.mark.parametrize(("stand_in", "runs", "given"), [("", "artemis", "apollo"), ("artemis", "apollo", "artemis")])
def test_an_inventory_that_missed_a_failover_is_refused_before_anything_is_asked_to_change(
    tmp_path: Path, stand_in: str, runs: str, given: str
) -> None:
    exports = json.dumps([{"address": "1.0", "cards": [card(runs)]}])
    site = site_of(tmp_path, stand_in)
    ran = render(tmp_path, "--tags", "dns", site=site, POSTHOUSE_CHECKOUT=str(tree.ROOT), POSTHOUSE_EXPORTS=exports)
    assert ran.returncode != 0
    assert f"has LUN 1.0, and this inventory gives it to apollo ({card(given)})" in ran.stdout
    assert not list(tmp_path.glob("*.*.json")), "no machine was looked at"


def test_everybody_lets_the_mailstore_in_from_where_it_may_run(both: tuple[Pictures, Pictures]) -> None:
    for pictures in both:
        mailstores_of = {
            ("mx1", "base"): "/etc/nftables.conf",
            ("mx1", "mx_inside"): "/etc/postfix-inside/mailstores.cidr",
            ("hermes", "mailstore"): "/etc/postfix/stores.cidr",
            ("backup1", "backup"): "/etc/postfix/mailstores.cidr",
            ("ldap1", "base"): "/etc/nftables.conf",
        }
        for (host, role), path in mailstores_of.items():
            text = content(pictures, host, role, path)
            for address in ("10.143.0.24", "10.143.0.25", "2001:db8:10:143::25"):
                assert address in text, (host, path, address)


def test_the_machine_is_the_mailstore_at_the_standbys_address_with_the_standbys_card(both: tuple[Pictures, Pictures]) -> None:
    home, away = both
    assert content(away, "apollo", "base", "/etc/hostname") == "apollo\n"
    assert "10.143.0.25 apollo.madstop.test apollo" in content(away, "apollo", "base", "/etc/hosts")
    assert "10.143.0.24" not in content(away, "apollo", "base", "/etc/hosts")
    assert home["apollo"]["mailstore"] == away["apollo"]["mailstore"]
    # LVM knows machines: a group is the machine's, and only a failover gives it to another one.
    system_id = [content(pictures, "apollo", "storage", "/etc/lvm/lvmlocal.conf") for pictures in both]
    assert 'system_id = "apollo"' in system_id[0]
    assert 'system_id = "artemis"' in system_id[1]
    idle = content(home, "artemis", "storage", "/etc/lvm/lvmlocal.conf")
    assert 'system_id = "artemis"' in idle
    # And it reads no LUN but those of the name that it runs.
    assert ["|^/dev/etherd/e1[.]0$|" in one for one in (*system_id, idle)] == [True, True, False]


def test_an_idle_standby_keeps_everything_from_running(both: tuple[Pictures, Pictures]) -> None:
    home, _ = both
    waiting = home["artemis"]["standby"]
    assert {"postfix", "dovecot-core"} <= set(waiting["packages"])
    masked = {unit["name"] for unit in waiting["units"] if unit.get("masked")}
    assert {"postfix.service", "dovecot.service", "postfix@copies.service"} <= masked
    assert [unit for unit in waiting["units"] if not unit.get("masked") and unit.get("state") != "stopped"] == []
    assert not any(path.endswith(".mount") or "posthouse-storage.service" in path for path in home["artemis"]["storage"]["files"])
