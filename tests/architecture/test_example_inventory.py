"""The production site that is there to be copied: its syntax is right, and every role renders every machine of it whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from module_utils.site_check import reading, rules
from tests.architecture import tree

SITE = tree.ROOT / "inventory" / "example"
RENDERING = Path(__file__).parent / "rendering"
SECRETS = dict.fromkeys(rules.Known.of(tree.ROOT).values["cluster_secrets"]["options"], "not-a-secret-at-all")
# What a template that was not rendered, or rendered from nothing, leaves behind.
LEFT_OVER = re.compile(r"\{\{|\{%|AnsibleUndefined|Undefined\(|<generator object|<filter|dict_keys\(")
# Values of the lab, which no other site may meet.
OF_THE_LAB = re.compile(r"madstop|10\.143\.|198\.51\.100\.(1|2|31|41|200)\b")

Pictures = dict[str, dict[str, dict[str, Any]]]


def playbook(*arguments: str, site: Path = SITE, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", "-i", str(site), str(tree.ROOT / "playbooks" / "site.yml"), *arguments]
    return subprocess.run(command, cwd=tree.ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


def render(folder: Path, *options: str, site: Path = SITE, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run site.yml in check mode without machines; pictures are left in the folder."""
    secrets = folder / "secrets.yml"
    secrets.write_text(json.dumps({"cluster_secrets": SECRETS}))
    plugins = f"{RENDERING}:{tree.ROOT / 'action_plugins'}"
    environment = {"POSTHOUSE_RENDERED": str(folder), "ANSIBLE_ACTION_PLUGINS": plugins, **environment}
    return playbook("--check", "-e", f"@{secrets}", *options, site=site, **environment)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Machine -> tree -> the picture that would be sent."""
    folder = tmp_path_factory.mktemp("rendered")
    ran = render(folder)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    found: Pictures = {}
    for path in folder.glob("*.*.json"):
        host, name, _ = path.name.split(".")
        found.setdefault(host, {})[name] = json.loads(path.read_text())
    return found


def test_its_syntax_is_right() -> None:
    ran = playbook("--syntax-check")
    assert ran.returncode == 0, ran.stderr


def test_its_values_are_good() -> None:
    assert [str(fault) for fault in rules.faults([str(SITE)], tree.ROOT, SECRETS)] == []


def test_every_machine_gets_base_and_its_noun(pictures: Pictures) -> None:
    hosts = reading.read([str(SITE)]).hosts
    assert set(pictures) == set(hosts)
    for host, trees in pictures.items():
        assert "base" in trees, host
        assert len(trees) > 1, host


def test_what_is_worked_out_once_is_what_each_task_would_work_out(pictures: Pictures, tmp_path: Path) -> None:
    """Without facts of the run and without callbacks every expression is worked out where it is read (docs/decisions/0011-at-rest.md)."""
    ran = render(tmp_path, "--limit", "mx1", "--tags", "exchanger", "--skip-tags", "always", ANSIBLE_CALLBACK_PLUGINS=str(tmp_path))
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    lazily = {path.name.split(".")[1]: json.loads(path.read_text()) for path in tmp_path.glob("mx1.*.json")}
    assert len(lazily) > 4
    assert lazily == {name: pictures["mx1"][name] for name in lazily}


def test_ipv6_is_where_the_inventory_says_so_and_can_be_switched_off(pictures: Pictures, tmp_path: Path) -> None:
    def main_files(trees: dict[str, Any]) -> list[str]:
        files = {path: file for picture in trees.values() for path, file in picture["files"].items()}
        return [str(files[f"/etc/postfix{instance}/main.cf"]["content"]) for instance in ("", "-outside", "-fixup", "-inside")]

    assert all("inet_protocols = all\n" in content for content in main_files(pictures["smtp1"]))
    assert ", [2001:db8:1::]/48" in main_files(pictures["mx1"])[1], "bare, it would be the name of a table"
    ran = render(tmp_path, "-e", "cluster_ipv6=false", "--limit", "smtp1", "--tags", "submission")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    without = {path.name.split(".")[1]: json.loads(path.read_text()) for path in tmp_path.glob("smtp1.*.json")}
    assert all("inet_protocols = ipv4\n" in content for content in main_files(without))
    assert [path for picture in without.values() for path, file in picture["files"].items() if "2001:db8:2::" in str(file)] == []


def test_nothing_is_left_unrendered(pictures: Pictures) -> None:
    for host, trees in pictures.items():
        for name, picture in trees.items():
            for path, file in picture["files"].items():
                content = file.get("content", "")
                where = f"{host}, {name}: {path}"
                assert not LEFT_OVER.search(content), where
                said = "\n".join(line for line in content.splitlines() if not line.lstrip().startswith(("#", "//", ";")))
                assert not OF_THE_LAB.search(said), where


def test_a_firewall_lets_in_whom_the_inventory_names(pictures: Pictures) -> None:
    def rule_set(host: str) -> str:
        return str(pictures[host]["base"]["files"]["/etc/nftables.conf"]["content"])

    # The standby is let in where stores are: it may be one tonight.
    stores, spare, filtered = "192.0.2.21, 192.0.2.22, 192.0.2.23", "192.0.2.25", "192.0.2.31, 192.0.2.32, 192.0.2.35, 192.0.2.36"
    assert f"ip saddr {{ {stores}, {spare}, {filtered} }} tcp dport {{ 25 }} accept" in rule_set("store1")
    # The campus hands in on 25, people from everywhere on the other two.
    assert "ip saddr 192.0.2.0/24 tcp dport { 25 } accept" in rule_set("smtp1").replace("{ 192.0.2.0/24 }", "192.0.2.0/24")
    assert "        tcp dport { 465, 587 } accept" in rule_set("smtp2")
    assert "ip saddr { 192.0.2.41, 192.0.2.42 } tcp dport { 110, 143, 993, 995, 4190 } accept" in rule_set("store3")
    assert "        tcp dport { 25 } accept" in rule_set("mx2")
    assert "ip saddr { 192.0.2.5, 192.0.2.192/27 } tcp dport { 22 } accept" in rule_set("ns1")
    assert "ip6 saddr { 2001:db8:1::/48 } reject with icmpx admin-prohibited" in rule_set("ldap3")


def test_an_exchanger_uses_its_own_filter_or_one_elsewhere(pictures: Pictures) -> None:
    def content(host: str, role: str, path: str) -> str:
        return str(pictures[host][role]["files"].get(path, {}).get("content", ""))

    own, other = (content(host, "mx_fixup", "/etc/postfix-fixup/main.cf") for host in ("mx1", "mx2"))
    assert "relayhost = [127.0.0.1]:10024\n" in own
    assert "smtp_tls_security_level = none" in own
    assert "relayhost = [filter1.example.edu]:10024\n" in other
    assert "smtp_tls_security_level = secure" in other
    assert "10027" not in content("mx1", "mx_inside", "/etc/postfix-inside/master.cf")
    assert "192.0.2.32:10027 inet" in content("mx2", "mx_inside", "/etc/postfix-inside/master.cf")
    assert "\n192.0.2.61 OK\n" in content("mx2", "mx_inside", "/etc/postfix-inside/filters.cidr")

    here, elsewhere = (content(host, "content_filter", "/etc/amavis/conf.d/20-debian_defaults") for host in ("mx1", "filter1"))
    assert "@listen_sockets = ('127.0.0.1:10024');" in here
    assert "EXCHANGERS" not in here
    assert "@listen_sockets = ('192.0.2.61:10024', '192.0.2.61:10026');" in elsewhere
    assert "bypass_spam_checks_maps" in elsewhere.partition("'SUBMISSIONS'")[2]
    assert "bypass" not in elsewhere.partition("'SUBMISSIONS'")[0]
    assert "relayhost = [filter1.example.edu]:10026\n" in content("smtp1", "mx_fixup", "/etc/postfix-fixup/main.cf")
    assert "'192.0.2.32' => 'smtp:[mx2.example.edu]:10027'," in elsewhere
    assert "192.0.2.31" not in elsewhere

    def rules(host: str) -> str:
        return str(pictures[host]["base"]["files"]["/etc/nftables.conf"]["content"])

    assert "ip saddr { 192.0.2.32 } tcp dport { 10024 } accept" in rules("filter1")
    assert "ip saddr { 192.0.2.61 } tcp dport { 10027 } accept" in rules("mx2")
    assert "ip saddr { 192.0.2.35, 192.0.2.36 } tcp dport { 10026 } accept" in rules("filter1")
    assert "10024" not in rules("mx1")
    assert "10027" not in rules("mx1")


def test_two_views_tell_different_addresses(pictures: Pictures) -> None:
    files = pictures["ns1"]["dns"]["files"]
    assert "mx1 IN A 192.0.2.31" in files["/etc/bind/posthouse/campus/example.edu"]["content"]
    outside = files["/etc/bind/posthouse/internet/example.edu"]["content"]
    assert "mx1 IN A 203.0.113.31" in outside
    # Its addresses are public ones, so a machine without a second is told as it is.
    assert "store1 60 IN A 192.0.2.21" in outside
    assert pictures["ns2"]["dns"]["files"]["/etc/bind/posthouse/campus/example.edu"] == files["/etc/bind/posthouse/campus/example.edu"]


def test_one_list_of_lists_reaches_all_who_use_it(pictures: Pictures) -> None:
    def content(host: str, role: str, path: str) -> str:
        return str(pictures[host][role]["files"][path]["content"])

    screen = content("mx2", "mx_outside", "/etc/postfix-outside/main.cf")
    assert "zen.dnsbl.example=127.0.0.[2..11]*3, half-believed.dnsbl.example*1, list.dnswl.example=127.0.[2..14].[1..3]*-2" in screen
    assert 'zone = "list.dnswl.example"' in content("mx2", "blocklists", "/etc/posthouse/blocklists.toml")
    assert "198.51.100.67 they were asked" in content("mx2", "blocklists", "/etc/posthouse/blocklists/bl.example.edu.ip4set")
    # SpamAssassin asks lists too, wherever it is.
    for host in ("mx2", "filter1"):
        assert "127.0.0.1 port 5300" in content(host, "resolver", "/etc/bind/named.conf")
        assert "bl.example.edu:ip4set:" in content(host, "blocklists", "/etc/systemd/system/rbldnsd.service.d/posthouse.conf")
    # It asks forwarders: a bound on questions a zone would be one on the whole world (docs/decisions/0012).
    assert "forward only;" in content("mx2", "resolver", "/etc/bind/named.conf")
    assert "fetches-per-zone" not in content("mx2", "resolver", "/etc/bind/named.conf")
    assert content("mx2", "resolver", "/etc/posthouse/resolv.conf").split()[-4:] == ["127.0.0.1", "options", "timeout:5", "attempts:2"]


def test_a_misspelt_variable_stops_the_run_before_anything_is_done(tmp_path: Path) -> None:
    site = tmp_path / "oursite"
    shutil.copytree(SITE, site, ignore=shutil.ignore_patterns("pki", "secrets.yml"))
    values = site / "group_vars" / "all" / "site.yml"
    text = values.read_text()
    values.write_text(text.replace("cluster_time_servers:", "cluster_time_severs:"))
    line = text[: text.index("cluster_time_servers:")].count("\n") + 1
    ran = render(tmp_path, site=site)
    assert ran.returncode != 0
    assert f"site.yml:{line}: unknown variable cluster_time_severs; did you mean cluster_time_servers?" in ran.stdout
    assert not list(tmp_path.glob("*.*.json"))
