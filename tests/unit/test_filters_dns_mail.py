"""What zones tell of mail: who sends it, who signs it, which keys servers have, where programs find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from module_utils.zones.mail import dmarc, mail_records, spf


def machine(name: str, address: str, public: str = "", address6: str = "", public6: str = "") -> dict[str, str]:
    one = {"name": name, "fqdn": f"{name}.example.edu", "address": address, "public_address": public or address}
    return one | {"address6": address6, "public_address6": public6}


MX = machine("mx1", "10.0.0.31", "203.0.113.31", "2001:db8:1::31", "2001:db8:2::31")
SMTP1 = machine("smtp1", "10.0.0.35", "203.0.113.35")
SMTP2 = machine("smtp2", "10.0.0.36", "203.0.113.36")
STORE = machine("store1", "10.0.0.21")
SUBMISSION = {
    "names": ["smtp"],
    "machines": [SMTP1, SMTP2],
    "offers": [
        {"service": "submissions", "port": 465, "priority": 0, "name": "smtp"},
        {"service": "submission", "port": 587, "priority": 10, "name": "smtp"},
    ],
}
EXCHANGE = {"names": [], "machines": [MX], "ports": [25]}


def records(**more: Any) -> list[tuple[str, str, str]]:
    arguments: dict[str, Any] = {
        "machines": [MX, SMTP1, SMTP2, STORE],
        "domains": ["example.edu"],
        "postmaster": "postmaster@example.edu",
        "senders": [MX, SMTP1],
        "services": [EXCHANGE, SUBMISSION],
    }
    return [(one["name"], one["type"], one["value"]) for one in mail_records(**(arguments | more))]


def of(name: str, **more: Any) -> list[str]:
    return [value for found, _, value in records(**more) if found == name]


@pytest.mark.parametrize(
    ("addresses", "also", "rest", "policy"),
    [
        (["203.0.113.31"], [], "-all", "v=spf1 ip4:203.0.113.31 -all"),
        (
            ["203.0.113.31", "2001:db8::1"],
            ["include:_spf.example.net"],
            "~all",
            "v=spf1 ip4:203.0.113.31 ip6:2001:db8::1 include:_spf.example.net ~all",
        ),
        ([], [], "-all", "v=spf1 -all"),
    ],
)
def test_who_sends(addresses: list[str], also: list[str], rest: str, policy: str) -> None:
    assert spf(addresses, also, rest) == policy


def test_outside_senders_are_public_addresses_and_inside_both() -> None:
    assert of("example.edu", public=True) == ["v=spf1 ip4:203.0.113.31 ip6:2001:db8:2::31 ip4:203.0.113.35 -all"]
    assert of("example.edu") == [
        "v=spf1 ip4:10.0.0.31 ip6:2001:db8:1::31 ip4:10.0.0.35 ip4:203.0.113.31 ip6:2001:db8:2::31 ip4:203.0.113.35 -all"
    ]


def test_every_greeting_has_a_policy_and_a_hidden_machine_none() -> None:
    assert of("mx1.example.edu", public=True) == ["v=spf1 a -all"]
    assert of("store1.example.edu") == ["v=spf1 a -all"]
    assert of("store1.example.edu", public=True) == []


def test_a_machine_that_is_a_domain_of_old_addresses_has_the_domains_policy_alone() -> None:
    inside = of("store1.example.edu", collapsed_domains=["store1.example.edu"])
    assert inside == of("example.edu", collapsed_domains=["store1.example.edu"])


@pytest.mark.parametrize(
    ("values", "policy"),
    [
        ({}, "v=DMARC1; p=none; rua=mailto:postmaster@example.edu"),
        ({"policy": "reject", "reports": []}, "v=DMARC1; p=reject"),
        (
            {
                "policy": "quarantine",
                "subdomain_policy": "reject",
                "reports": ["a@example.edu", "b@example.net"],
                "failure_reports": ["c@example.edu"],
            },
            "v=DMARC1; p=quarantine; sp=reject; rua=mailto:a@example.edu,mailto:b@example.net; ruf=mailto:c@example.edu",
        ),
        ({"reports": [], "alignment_dkim": "strict", "alignment_spf": "relaxed"}, "v=DMARC1; p=none; adkim=s"),
    ],
)
def test_what_others_do_with_letters_that_fail(values: Mapping[str, Any], policy: str) -> None:
    assert dmarc(values, "postmaster@example.edu") == policy


def test_a_domain_of_ours_consents_to_reports_about_another() -> None:
    made = records(domains=["example.edu", "alumni.example.edu"], collapsed_domains=["mail.example.edu", "example.org"])
    assert [name for name, _, _ in made if "_dmarc" in name] == [
        "_dmarc.example.edu",
        "_dmarc.alumni.example.edu",
        "_dmarc.example.org",
        "example.org._report._dmarc.example.edu",
    ]
    elsewhere = records(collapsed_domains=["example.org"], policies={"dmarc": {"reports": ["x@reports.example.net"]}})
    assert not [name for name, _, _ in elsewhere if "_report" in name]


def test_keys_of_servers() -> None:
    keys = {"mx1": ["aa", "bb"], "smtp1": ["cc"], "smtp2": ["dd"]}
    made = [(name, value) for name, kind, value in records(keys=keys, public=True) if kind == "TLSA"]
    assert made[:2] == [("_25._tcp.mx1.example.edu", "3 1 1 aa"), ("_25._tcp.mx1.example.edu", "3 1 1 bb")]
    assert ("_465._tcp.smtp1.example.edu", "3 1 1 cc") in made
    assert [value for name, value in made if name == "_587._tcp.smtp.example.edu"] == ["3 1 1 cc", "3 1 1 dd"]
    assert len(made) == len(set(made)) == 2 + 2 * 2 + 2 * 2


def test_a_name_has_keys_at_the_ports_that_are_found_under_it_and_another_name_at_all() -> None:
    offers = [
        {"service": "imaps", "port": 993, "priority": 0, "name": "imap"},
        {"service": "pop3s", "port": 995, "priority": 0, "name": "pop"},
    ]
    proxy = {"names": ["imap", "pop", "mail"], "machines": [MX], "offers": offers}
    made = [name.removesuffix(".example.edu") for name, kind, _ in records(services=[proxy], keys={"mx1": ["aa"]}) if kind == "TLSA"]
    assert made == ["_993._tcp.mx1", "_995._tcp.mx1", "_993._tcp.imap", "_995._tcp.pop", "_993._tcp.mail", "_995._tcp.mail"]


def test_a_set_of_keys_is_told_whole_or_not_at_all() -> None:
    made = [name for name, kind, _ in records(keys={"smtp1": ["cc"]}, public=True) if kind == "TLSA"]
    assert made == ["_465._tcp.smtp1.example.edu", "_587._tcp.smtp1.example.edu"]


def test_mail_programs_find_servers_in_every_domain() -> None:
    made = [(name, value) for name, kind, value in records(domains=["example.edu", "alumni.example.edu"]) if kind == "SRV"]
    assert made == [
        ("_submissions._tcp.example.edu", "0 1 465 smtp.example.edu."),
        ("_submissions._tcp.alumni.example.edu", "0 1 465 smtp.example.edu."),
        ("_submission._tcp.example.edu", "10 1 587 smtp.example.edu."),
        ("_submission._tcp.alumni.example.edu", "10 1 587 smtp.example.edu."),
    ]
    renamed = SUBMISSION | {"names": ["send"]}
    assert ("_submission._tcp.example.edu", "SRV", "10 1 587 send.example.edu.") in records(services=[renamed])
    assert not [kind for _, kind, _ in records(services=[SUBMISSION | {"machines": []}]) if kind == "SRV"]
    assert not [kind for _, kind, _ in records(services=[SUBMISSION | {"machines": [STORE]}], public=True) if kind == "SRV"]


def test_signatures_are_told_as_they_are_given() -> None:
    given = {"name": "s1._domainkey.example.edu", "type": "TXT", "value": "v=DKIM1; p=AA"}
    assert of("s1._domainkey.example.edu", dkim=[given]) == ["v=DKIM1; p=AA"]
