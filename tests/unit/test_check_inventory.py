"""An inventory with a fault fails with its file, line and remedy, and one without passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.site_check import rules

ROOT = Path(__file__).resolve().parents[2]

HOSTS = """\
---
all:
  children:
    dns:
      hosts:
        ns1: {address: 192.0.2.8, public_address: 203.0.113.8}
    directory:
      children:
        directory_provider:
          hosts:
            ldap1: {address: 192.0.2.11}
    mailstore:
      hosts:
        store1: {address: 192.0.2.21}
        store2: {address: 192.0.2.22}
    world:
      hosts:
        elsewhere: {address: 203.0.113.200}
"""
SITE = """\
---
cluster_domains: [example.edu]
cluster_collapsed_domains: []
cluster_ldap_suffix: o=example.edu
cluster_default_mailstore: store1
cluster_postmaster: postmaster@example.edu
cluster_networks: [192.0.2.0/24]
cluster_admin_networks: [192.0.2.5/32]
cluster_time_servers: []
cluster_resolver_forwarders: []
"""
EXCHANGER = "    exchanger:\n      hosts:\n        mx1: {address: 192.0.2.31, public_address: 203.0.113.31}\n"
FILTER = "    content_filter:\n      hosts:\n        filter1: {address: 192.0.2.61}\n"
GOOD = "x" * 16
SECRETS = (
    "---\ncluster_secrets: {" + ", ".join(f"{name}: {GOOD}" for name in rules.Known.of(ROOT).values["cluster_secrets"]["options"]) + "}\n"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a good inventory."""
    write(tmp_path, "hosts.yml", HOSTS)
    write(tmp_path, "group_vars/all/site.yml", SITE)
    write(tmp_path, "group_vars/all/secrets.yml", SECRETS)
    return tmp_path


def write(site: Path, name: str, text: str) -> None:
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def change(site: Path, name: str, old: str, new: str) -> None:
    text = (site / name).read_text()
    assert old in text
    write(site, name, text.replace(old, new, 1))


def told(site: Path) -> list[str]:
    """The faults, with places below the site."""
    return [str(fault).replace(f"{site}/", "") for fault in rules.faults([str(site)], ROOT)]


def test_a_name_server_is_no_exchanger(site: Path) -> None:
    change(site, "hosts.yml", "    mailstore:\n", "    exchanger:\n      hosts:\n        ns1:\n    mailstore:\n")
    assert any("ns1 is of dns and of exchanger, and each of them runs named" in fault for fault in told(site)), told(site)


def test_lists_of_one_line_are_called_otherwise_now(site: Path) -> None:
    write(site, "group_vars/all/lists.yml", "---\nmx_outside_dnsbl_sites: [zen.example.net*2]\nmx_outside_dnsbl_threshold: 2\n")
    said = told(site)
    assert any("mx_outside_dnsbl_sites is called cluster_blocklists now" in fault for fault in said), said
    assert any("mx_outside_dnsbl_threshold is called mx_outside_blocklists_threshold now" in fault for fault in said), said


def test_a_good_inventory_has_no_fault(site: Path) -> None:
    assert told(site) == []


def test_a_filter_needs_a_quarantine(site: Path) -> None:
    change(site, "hosts.yml", "    world:\n", f"{EXCHANGER}{FILTER}    world:\n")
    needed = "hosts.yml:21: filter1 is of content_filter, but no machine is of quarantine: what a filter stops is kept there"
    assert [fault for fault in told(site) if fault.startswith(needed)], told(site)
    change(site, "hosts.yml", "    world:\n", "    quarantine:\n      hosts:\n        db1: {address: 192.0.2.51}\n    world:\n")
    assert told(site) == []


def test_a_filter_has_somebody_to_filter_for(site: Path) -> None:
    """One on a machine of its own serves exchangers and submission machines that have none: when each has one, it is forgotten there."""
    change(site, "hosts.yml", "    world:\n", "    quarantine:\n      hosts:\n        db1: {address: 192.0.2.51}\n    world:\n")
    change(site, "hosts.yml", "    world:\n", f"{FILTER}    world:\n")
    (fault,) = told(site)
    assert "for nobody, since no machine is of exchanger or submission: add one, or take filter1 out of content_filter" in fault
    change(site, "hosts.yml", FILTER, EXCHANGER + FILTER)
    assert told(site) == []
    change(site, "hosts.yml", FILTER, FILTER + "        mx1:\n")
    (fault,) = told(site)
    assert "hosts.yml:" in fault
    assert (
        "filter1 is of content_filter, which looks at mail for nobody, since every exchanger or submission is of content_filter too"
        in fault
    )
    assert "take one of them out of content_filter, or filter1" in fault


def test_a_file_as_inventory_is_the_same(site: Path) -> None:
    assert rules.faults([str(site / "hosts.yml")], ROOT) == []


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "inventory").iterdir()) if path.is_dir()])
def test_our_own_inventories_are_good(name: str) -> None:
    secrets = dict.fromkeys(rules.Known.of(ROOT).values["cluster_secrets"]["options"], GOOD)
    assert [str(fault) for fault in rules.faults([str(ROOT / "inventory" / name)], ROOT, secrets)] == []


ALL = "group_vars/all/site.yml"


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (ALL, "cluster_domains", "cluster_domians", f"{ALL}:2: unknown variable cluster_domians; did you mean cluster_domains?"),
        (
            ALL,
            "cluster_time_servers",
            "base_tls_dasy: 3\ncluster_time_servers",
            f"{ALL}:9: unknown variable base_tls_dasy; did you mean base_tls_days?",
        ),
        (ALL, "cluster_domains: [example.edu]", "", f"{ALL}: cluster_domains is missing: "),
        (
            ALL,
            "192.0.2.0/24",
            "192.0.2.9/24",
            f"{ALL}:7: cluster_networks[0]: 192.0.2.9/24 has bits beyond its prefix: write 192.0.2.0/24, or",
        ),
        (ALL, "[192.0.2.0/24]", "192.0.2.0/24", f"{ALL}:7: cluster_networks has to be a list: write [192.0.2.0/24]"),
        (ALL, "[example.edu]", "[Example.edu.]", f"{ALL}:2: cluster_domains[0]: Example.edu. is no domain name: write example.edu"),
        (ALL, "postmaster@example.edu", "postmaster", f"{ALL}:6: cluster_postmaster: postmaster is no mail address"),
        (ALL, ": store1", ": sotre1", f"{ALL}:5: cluster_default_mailstore: sotre1 is no mailstore; did you mean store1?"),
        (ALL, "cluster_domains:", "cluster_fqdn: x\ncluster_domains:", f"{ALL}:2: cluster_fqdn follows from the cluster ("),
        (ALL, "cluster_domains:", "base_time_servers: [x]\ncluster_domains:", "has no effect here: set cluster_time_servers instead"),
        (ALL, "cluster_domains:", "base_tls_days: often\ncluster_domains:", f"{ALL}:2: base_tls_days: often is no whole number"),
        (ALL, "cluster_domains:", "base_apt_sources: [{uri: x}]\ncluster_domains:", "base_apt_sources[0] has no uri; did you mean uris?"),
        (ALL, "cluster_domains:", "cluster_resolver: forwrad\ncluster_domains:", "none of own, forward, iterate; did you mean forward?"),
        (
            ALL,
            "cluster_postmaster:",
            "cluster_domains: [a.edu]\ncluster_postmaster:",
            "cluster_domains stands here again, already set in line 2",
        ),
        (ALL, "cluster_domains: [", "cluster_domains: ]", f"{ALL}:2: this is no YAML"),
        ("hosts.yml", "192.0.2.22", "192.0.2.21", "hosts.yml:15: store2 has the address 192.0.2.21, which is store1's (hosts.yml:14)"),
        ("hosts.yml", "192.0.2.22", "192.0.3.22", "hosts.yml:15: store2 has the address 192.0.3.22, which is in none of cluster_networks"),
        (
            "hosts.yml",
            "192.0.2.22",
            "192.0.2.22, address6: 2001:db8::22",
            "hosts.yml:15: store2 has the address6 2001:db8::22, which is in none of cluster_networks",
        ),
        (
            "hosts.yml",
            "192.0.2.22",
            "192.0.2.22, public_address6: 203.0.113.22",
            "hosts.yml:15: store2 has the public_address6 203.0.113.22, which is no IPv6 address",
        ),
        ("hosts.yml", "192.0.2.22", "192.0.2.22, address6: 2001:db8::zz", "hosts.yml:15: address6: 2001:db8::zz is no IP address"),
        ("hosts.yml", "192.0.2.22", "192.0.2.322", "hosts.yml:15: address: 192.0.2.322 is no IP address"),
        ("hosts.yml", "{address: 192.0.2.22}", "", "hosts.yml:15: store2 has no address: write store2: {address: 192.0.2.10}"),
        (
            "hosts.yml",
            "mailstore:",
            "mailstroe:",
            "hosts.yml:14: store1 is of no noun, so nothing would build it: mailstroe; did you mean mailstore?",
        ),
        (
            "hosts.yml",
            "      hosts:\n        ns1",
            "      host:\n        ns1",
            "hosts.yml:5: a group has hosts, children and vars, not host",
        ),
        (
            "group_vars/all/secrets.yml",
            f"directory_inside: {GOOD}, ",
            "",
            "cluster_secrets lacks directory_inside: run playbooks/secrets.yml",
        ),
    ],
)
def test_a_fault_has_its_place_and_remedy(site: Path, file: str, old: str, new: str, fault: str) -> None:
    change(site, file, old, new)
    assert [line for line in told(site) if fault in line], told(site)


def test_all_faults_are_told_at_once(site: Path) -> None:
    change(site, ALL, "cluster_domains", "cluster_domians")
    change(site, "hosts.yml", "192.0.2.22", "192.0.2.21")
    assert len(told(site)) == 3


def test_files_for_groups_and_hosts_that_are_not_there(site: Path) -> None:
    write(site, "group_vars/mailstroe.yml", "---\nbase_tls_days: 3\n")
    write(site, "host_vars/store3/x.yml", "---\nbase_tls_days: 3\n")
    assert told(site) == [
        "group_vars/mailstroe.yml: the inventory has no group mailstroe; did you mean mailstore?",
        "host_vars/store3/x.yml: the inventory has no host store3; did you mean store2?",
    ]


def test_the_control_node_may_stand_in_the_inventory(site: Path) -> None:
    change(site, "hosts.yml", "all:\n", "all:\n  hosts:\n    localhost: {ansible_connection: local}\n")
    assert told(site) == []


def test_addresses_in_zones_are_addresses(site: Path) -> None:
    write(
        site,
        "group_vars/dns.yml",
        """\
---
dns_extra_zones:
  - name: example.info
    records:
      - {name: good, type: A, value: 203.0.113.1}
      - {name: bad, type: A, value: 203.0.113.300}
      - {name: other, type: AAAA, value: 203.0.113.1}
dns_extra_records:
  - {name: www.example.edu, type: A, value: 203.0.113.256}
""",
    )
    assert told(site) == [
        "group_vars/dns.yml:6: dns_extra_zones: 203.0.113.300 is no IPv4 address",
        "group_vars/dns.yml:7: dns_extra_zones: 203.0.113.1 is no IPv6 address",
        "group_vars/dns.yml:9: dns_extra_records: 203.0.113.256 is no IPv4 address",
    ]


def test_a_host_may_overrule_the_wiring_of_an_option(site: Path) -> None:
    write(site, "host_vars/store1.yml", "---\nbase_time_servers: [192.0.2.1]\n")
    assert told(site) == []


def test_an_encrypted_file_is_left_to_ansible(site: Path) -> None:
    write(site, "group_vars/all/secrets.yml", "$ANSIBLE_VAULT;1.1;AES256\n3030\n")
    assert told(site) == []
    assert "cluster_secrets lacks" in str(rules.faults([str(site)], ROOT, {"directory_inside": "x"})[0])


def test_an_encrypted_value_and_an_expression_pass(site: Path) -> None:
    change(
        site,
        ALL,
        "cluster_postmaster: postmaster@example.edu",
        "cluster_postmaster: !vault |\n  $ANSIBLE_VAULT;1.1\ncluster_resolvers: '{{ x }}'",
    )
    assert told(site) == []


def test_a_renamed_variable_fails_with_its_new_name(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = rules.Known.of(ROOT)
    read.renamed["cluster_old"] = "cluster_new"
    monkeypatch.setattr(rules.Known, "of", classmethod(lambda *_: read))
    change(site, ALL, "cluster_domains:", "cluster_old: x\ncluster_domains:")
    assert told(site) == [f"{ALL}:2: cluster_old is called cluster_new now: rename it here"]


@pytest.mark.parametrize(
    "bad", ["short", "'with # and twenty signs'", "'with\"quotes-and-letters'", "'$HOME-and-more-letters'", "'sixteen-letters-and '"]
)
def test_a_secret_that_a_configuration_file_would_misread_is_a_fault_and_is_not_shown(site: Path, bad: str) -> None:
    change(site, "group_vars/all/secrets.yml", f"directory_inside: {GOOD}", f"directory_inside: {bad}")
    [fault] = told(site)
    assert fault.startswith("group_vars/all/secrets.yml:2: cluster_secrets.directory_inside is no password for here: at least 16")
    assert bad.strip("'") not in fault
