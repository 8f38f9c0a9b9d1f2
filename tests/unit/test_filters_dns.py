"""Zones: what the inventory says, and the zone that comes of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from filter_plugins.dns import dns_file_name, dns_in_view, dns_zone_file, dns_zone_files, dns_zones
from module_utils.zones.names import reverse_zones, visible, zone_names


def machine(name: str, address: str, public: str = "", address6: str = "", public6: str = "") -> dict[str, str]:
    one = {"name": name, "fqdn": f"{name}.example.edu", "address": address, "public_address": public or address}
    return one | {"address6": address6, "public_address6": public6}


NS = machine("ns1", "10.0.0.2", "203.0.113.2")
MX = machine("mx1", "10.0.0.31", "203.0.113.31")
STORE = machine("store1", "10.0.0.21")
PROXY = machine("proxy1", "10.0.0.41", "203.0.113.41")
MACHINES = [PROXY, STORE, MX, NS]


def zones(**more: Any) -> dict[str, list[tuple[str, str, str]]]:
    arguments: dict[str, Any] = {
        "machines": MACHINES,
        "domains": ["example.edu"],
        "name_servers": [NS],
        "exchangers": [MX],
        "services": [{"names": ["imap"], "machines": [PROXY]}],
    }
    made = dns_zones(**(arguments | more))
    return {zone["name"]: [(record["name"], record["type"], record["value"]) for record in zone["records"]] for zone in made}


def test_of_a_machine_that_may_move_others_remember_the_address_not_for_long() -> None:
    (campus,) = dns_zones(MACHINES, ["example.edu"], [NS], [MX], [{"names": ["store"], "machines": [STORE]}], moving={"store1": 60})
    text = dns_zone_file(campus, "ns1.example.edu", "postmaster@example.edu")
    assert "\nstore1 60 IN A 10.0.0.21\n" in text
    assert "\nproxy1 IN A 10.0.0.41\n" in text


@pytest.mark.parametrize(
    ("networks", "names"),
    [
        (["10.143.0.0/24"], ["0.143.10.in-addr.arpa"]),
        (["10.0.0.0/8"], ["10.in-addr.arpa"]),
        (["172.16.0.0/16"], ["16.172.in-addr.arpa"]),
        (["192.0.2.0/26", "192.0.2.64/26"], ["2.0.192.in-addr.arpa"]),
        (["192.0.2.0/32"], ["2.0.192.in-addr.arpa"]),
        (["10.4.0.0/14"], ["4.10.in-addr.arpa", "5.10.in-addr.arpa", "6.10.in-addr.arpa", "7.10.in-addr.arpa"]),
        (["198.51.100.0/23"], ["100.51.198.in-addr.arpa", "101.51.198.in-addr.arpa"]),
        (["2001:db8::/32"], ["8.b.d.0.1.0.0.2.ip6.arpa"]),
        (["2001:db8::/31"], ["8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa"]),
        (["2001:db8:0:1::/64"], ["1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]),
        ([], []),
    ],
)
def test_reverse_zones_are_cut_where_they_can_be(networks: list[str], names: list[str]) -> None:
    assert reverse_zones(networks) == names


@pytest.mark.parametrize(
    ("seen", "public", "addresses"),
    [
        (machine("a", "10.0.0.1"), False, ["10.0.0.1"]),
        (machine("a", "10.0.0.1"), True, None),
        (machine("a", "10.0.0.1", "203.0.113.1"), False, ["10.0.0.1"]),
        (machine("a", "10.0.0.1", "203.0.113.1"), True, ["203.0.113.1"]),
        (machine("a", "203.0.113.1"), True, ["203.0.113.1"]),
        (machine("a", "fd00::1"), True, None),
        (machine("a", "2001:db8::1"), True, ["2001:db8::1"]),
        (machine("a", "10.0.0.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1"), False, ["10.0.0.1", "2001:db8::1"]),
        (machine("a", "10.0.0.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1"), True, ["203.0.113.1", "2001:db8:1::1"]),
        (machine("a", "10.0.0.1", "203.0.113.1", "fd00::1", "fd00::1"), True, ["203.0.113.1"]),
        # It faces no internet, though its address of IPv6 is one that every network routes.
        (machine("a", "10.0.0.1", "", "2001:db8::1", "2001:db8::1"), True, None),
    ],
)
def test_private_addresses_are_not_told_outside(seen: dict[str, str], public: bool, addresses: list[str] | None) -> None:
    assert [found["addresses"] for found in visible([seen], public)] == ([addresses] if addresses else [])


def test_order_of_machines_does_not_show() -> None:
    assert zones() == zones(machines=MACHINES[::-1])


def test_the_domain_inside() -> None:
    assert zones()["example.edu"] == [
        ("@", "NS", "ns1.example.edu."),
        ("@", "MX", "10 mx1.example.edu."),
        ("ns1", "A", "10.0.0.2"),
        ("store1", "A", "10.0.0.21"),
        ("mx1", "A", "10.0.0.31"),
        ("proxy1", "A", "10.0.0.41"),
        ("imap", "A", "10.0.0.41"),
    ]


def test_the_domain_outside_hides_what_nobody_can_reach() -> None:
    outside = zones(public=True)["example.edu"]
    assert ("mx1", "A", "203.0.113.31") in outside
    assert ("imap", "A", "203.0.113.41") in outside
    assert not [record for record in outside if record[0] == "store1" or record[2].startswith("10.0.")]


def test_collapsed_domains_take_mail_in_the_zone_that_holds_them() -> None:
    made = zones(collapsed_domains=["store1.example.edu", "mail.old.example.org"])
    assert ("store1", "MX", "10 mx1.example.edu.") in made["example.edu"]
    assert made["mail.old.example.org"][1] == ("@", "MX", "10 mx1.example.edu.")


def test_a_domain_below_another_is_delegated_and_holds_its_own_mail() -> None:
    made = zones(domains=["example.edu", "alumni.example.edu"], collapsed_domains=["old.alumni.example.edu"])
    assert [record for record in made["example.edu"] if "alumni" in record[0]] == [("alumni", "NS", "ns1.example.edu.")]
    assert ("@", "MX", "10 mx1.example.edu.") in made["alumni.example.edu"]
    assert ("old", "MX", "10 mx1.example.edu.") in made["alumni.example.edu"]


def test_a_zone_that_is_signed_is_vouched_for_by_ours_above_it() -> None:
    made = zones(domains=["example.edu", "alumni.example.edu"], signers={"alumni.example.edu": ["1 13 2 AB"], "example.edu": ["2 13 2 CD"]})
    assert ("alumni", "DS", "1 13 2 AB") in made["example.edu"]
    assert not [record for record in made["alumni.example.edu"] if record[1] == "DS"]


def test_every_machine_of_a_service_is_told() -> None:
    more = machine("proxy2", "10.0.0.42", "203.0.113.42", "2001:db8::42", "2001:db8::42")
    made = zones(machines=[*MACHINES, more], services=[{"names": ["imap"], "machines": [PROXY, more]}])["example.edu"]
    assert [record[1:] for record in made if record[0] == "imap"] == [("A", "10.0.0.41"), ("A", "10.0.0.42"), ("AAAA", "2001:db8::42")]


def test_further_records_go_where_their_names_are() -> None:
    records = [
        {"name": "example.edu", "type": "CAA", "value": '0 issue ";"'},
        {"name": "a.b.example.edu", "type": "A", "value": "192.0.2.1", "view": "internet"},
        {"name": "77.0.0.10.in-addr.arpa", "type": "PTR", "value": "b.example.edu."},
    ]
    made = zones(records=dns_in_view(records, "internet"), reverse_networks=["10.0.0.0/24"])
    assert ("@", "CAA", '0 issue ";"') in made["example.edu"]
    assert ("a.b", "A", "192.0.2.1") in made["example.edu"]
    assert ("77", "PTR", "b.example.edu.") in made["0.0.10.in-addr.arpa"]
    assert [one["type"] for one in dns_in_view(records, "campus")] == ["CAA", "PTR"]
    with pytest.raises(ValueError, match=r"www.example.net A is in none of the zones example.edu"):
        zones(records=[{"name": "www.example.net", "type": "A", "value": "192.0.2.1"}])


def test_the_names_of_zones_are_those_that_are_made() -> None:
    extra = {"name": "example.info", "records": []}
    collapsed = ["mail.example.edu", "example.org"]
    made = zones(collapsed_domains=collapsed, extra_zones=[extra], reverse_networks=["10.0.0.0/24", "2001:db8::/32"])
    assert zone_names(["example.edu"], collapsed, ["10.0.0.0/24", "2001:db8::/32"], [extra]) == list(made)


def test_addresses_point_back_and_an_extra_zone_names_only_what_is_free() -> None:
    extra = {
        "name": "elsewhere.test",
        "records": [
            {"name": "www", "type": "A", "value": "203.0.113.200"},
            {"name": "@", "type": "A", "value": "203.0.113.200"},
            {"name": "ours", "type": "A", "value": "203.0.113.2"},
        ],
    }
    made = zones(reverse_networks=["10.0.0.0/24", "203.0.113.0/24"], extra_zones=[extra], secondaries=["ns.example.net"])
    assert ("21", "PTR", "store1.example.edu.") in made["0.0.10.in-addr.arpa"]
    assert [record for record in made["113.0.203.in-addr.arpa"] if record[1] == "PTR"] == [
        ("2", "PTR", "ns1.example.edu."),
        ("31", "PTR", "mx1.example.edu."),
        ("41", "PTR", "proxy1.example.edu."),
        ("200", "PTR", "www.elsewhere.test."),
    ]
    assert made["elsewhere.test"][:2] == [("@", "NS", "ns1.example.edu."), ("@", "NS", "ns.example.net.")]


def test_the_file_reads_as_a_zone() -> None:
    zone = {
        "name": "example.edu",
        "records": [{"name": "@", "type": "NS", "value": "ns1.example.edu."}, {"name": "@", "type": "TXT", "value": 'say "hi" \\o/'}],
    }
    text = dns_zone_file(zone, "ns1.example.edu", "post.master@example.edu", 600, 60)
    assert "$TTL 600" in text
    assert "@ IN SOA ns1.example.edu. post\\.master.example.edu. (" in text
    assert "\n    0 ; serial\n" in text
    assert text.endswith('@ IN TXT "say \\"hi\\" \\\\o/"\n')


def test_letters_of_any_language_are_octets_in_a_zone_file() -> None:
    zone = {"name": "example.edu", "records": [{"name": "@", "type": "TXT", "value": "Grüße\n"}]}
    assert dns_zone_file(zone, "ns1.example.edu", "a@example.edu").splitlines()[-1] == '@ IN TXT "Gr\\195\\188\\195\\159e\\010"'


def test_a_record_cannot_begin_another_line() -> None:
    zone = {"name": "example.edu", "records": [{"name": "@", "type": "A", "value": "192.0.2.1\nwww IN A 192.0.2.77"}]}
    with pytest.raises(ValueError, match="has a line end in it"):
        dns_zone_file(zone, "ns1.example.edu", "a@example.edu")


def test_long_texts_are_cut_into_character_strings() -> None:
    zone = {"name": "example.edu", "records": [{"name": "@", "type": "TXT", "value": "x" * 300}]}
    assert dns_zone_file(zone, "ns1.example.edu", "a@example.edu").splitlines()[-1] == f'@ IN TXT "{"x" * 255}" "{"x" * 45}"'


def test_files_lie_by_view_and_the_root_has_a_name() -> None:
    views = [{"name": "campus", "zones": [{"name": ".", "records": []}, {"name": "example.edu", "records": []}]}]
    assert list(dns_zone_files(views, "/z", "ns1.example.edu", "a@example.edu")) == ["/z/campus/root", "/z/campus/example.edu"]


@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="bind9-utils brings named-checkzone")
def test_named_accepts_every_zone(tmp_path: Path) -> None:
    made = dns_zones(MACHINES, ["example.edu", "alumni.example.edu"], [NS], [MX], [], ["store1.example.edu"], ["10.0.0.0/24"])
    for zone in made:
        file = tmp_path / zone["name"]
        file.write_text(dns_zone_file(zone, "ns1.example.edu", "hostmaster@example.edu"))
        run = subprocess.run(["named-checkzone", "-i", "local", zone["name"], file], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(("zone", "file"), [("example.edu", "example.edu"), ("example.edu.", "example.edu"), (".", "root")])
def test_a_zone_has_a_file_name(zone: str, file: str) -> None:
    assert dns_file_name(zone) == file
