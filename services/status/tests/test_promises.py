"""What the world sees in DNS is compared with what the inventory promises, record by record."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.status.status import promises
from services.status.status.asking import Answer, Resolver, expected
from services.status.status.findings import Level

ZONES: list[dict[str, Any]] = [
    {
        "name": "example.edu",
        "records": [
            {"name": "@", "type": "NS", "value": "ns1.example.edu."},
            {"name": "sub", "type": "NS", "value": "ns1.example.edu."},
            {"name": "sub", "type": "DS", "value": "1 13 2 " + "ab" * 32},
            {"name": "@", "type": "MX", "value": "10 MX1.example.edu."},
            {"name": "@", "type": "MX", "value": "10 mx2.example.edu."},
            {"name": "@", "type": "TXT", "value": "v=spf1 mx -all"},
            {"name": "_dmarc", "type": "TXT", "value": 'v=DMARC1; p="none"'},
            {"name": "s._domainkey", "type": "TXT", "value": "v=DKIM1; p=" + "A" * 400},
            {"name": "mx1", "type": "AAAA", "value": "2001:DB8:0::1"},
            {"name": "_25._tcp.mx1", "type": "TLSA", "value": "3 1 1 " + "AB" * 32},
            {"name": "_imaps._tcp", "type": "SRV", "value": "0 1 993 imap.example.edu."},
            {"name": "@", "type": "CAA", "value": '0 issue "ca.example.net"'},
        ],
    },
    {"name": "113.0.203.in-addr.arpa", "records": [{"name": "1", "type": "PTR", "value": "mx1.example.edu."}]},
]
PROMISED = expected(ZONES)


def answers(**but: Answer) -> dict[tuple[str, str], Answer]:
    """All as promised, but for some types."""
    return {key: but.get(key[1], Answer(values)) for key, values in PROMISED.items()}


def test_a_delegation_belongs_to_the_zone_below() -> None:
    assert ("example.edu.", "NS") in PROMISED
    assert not {("sub.example.edu.", "NS"), ("sub.example.edu.", "DS")} & PROMISED.keys()


def test_how_a_value_is_written_does_not_matter() -> None:
    assert PROMISED["example.edu.", "MX"] == {"10 mx1.example.edu.", "10 mx2.example.edu."}
    assert PROMISED["mx1.example.edu.", "AAAA"] == {"2001:db8::1"}
    assert PROMISED["s._domainkey.example.edu.", "TXT"] == {"v=DKIM1; p=" + "A" * 400}


def test_all_as_promised_is_fine_and_every_kind_is_named_once() -> None:
    found = promises.compare(PROMISED, answers())
    assert {one.level for one in found} == {Level.FINE}
    kinds = ["MX", "addresses", "names of addresses", "name servers", "SPF", "DKIM", "DMARC", "DANE", "services", "other records"]
    assert [one.about for one in found] == kinds
    assert sum(one.figures["asked"] for one in found) == len(PROMISED)


@pytest.mark.parametrize(
    ("kind", "answer", "about", "level", "word"),
    [
        ("MX", Answer(frozenset({"10 mx1.example.edu."})), "MX", Level.CRITICAL, "lacks 10 mx2.example.edu."),
        ("MX", Answer(PROMISED["example.edu.", "MX"] | {"5 mx.evil.test."}), "MX", Level.CRITICAL, "has 5 mx.evil.test. that is not ours"),
        ("AAAA", Answer(), "addresses", Level.CRITICAL, "lacks 2001:db8::1"),
        ("PTR", Answer(fault="SERVFAIL"), "names of addresses", Level.WARNING, "is not answered (SERVFAIL)"),
        ("TLSA", Answer(frozenset({"3 1 1 " + "00" * 32})), "DANE", Level.CRITICAL, "lacks 3 1 1 abab"),
        ("SRV", Answer(), "services", Level.WARNING, "_imaps._tcp.example.edu SRV"),
        ("CAA", Answer(), "other records", Level.WARNING, "CAA"),
    ],
)
def test_a_difference_makes_its_kind_red_and_no_other(kind: str, answer: Answer, about: str, level: Level, word: str) -> None:
    bad = [one for one in promises.compare(PROMISED, answers(**{kind: answer})) if one.level]
    assert [(one.about, one.level) for one in bad] == [(about, level)]
    assert word in bad[0].says
    assert bad[0].remedy


class Unchecked(Resolver):
    """A resolver that finds, unchecked, what it finds nowhere else."""

    def __init__(self, fault: str = "") -> None:
        super().__init__(["127.0.0.53"], 1)
        self.fault = fault

    def ask(self, name: str, kind: str, *, unchecked: bool = False) -> Answer:
        """Answer likewise whatever is asked."""
        assert unchecked, (name, kind)
        return Answer(fault=self.fault)


def signed(days: float = 10) -> Answer:
    return Answer(frozenset({"x"}), secure=True, expires=time.time() + days * 86400)


@pytest.mark.parametrize(
    ("seen", "level", "word"),
    [
        ({"a": signed(), "b": signed()}, Level.FINE, "2 zones validate"),
        ({"a": signed(), "b": Answer(fault="SERVFAIL")}, Level.CRITICAL, "b does not validate"),
        ({"a": signed(), "b": Answer(frozenset({"x"}))}, Level.WARNING, "no DS record"),
        ({"a": Answer(frozenset({"x"})), "b": Answer(frozenset({"x"}))}, Level.WARNING, "no zone is vouched for"),
        ({"a": signed(2.5), "b": signed()}, Level.WARNING, "2.5 days"),
        ({"a": signed(0.5), "b": signed()}, Level.CRITICAL, "0.5 days"),
        ({}, Level.FINE, ""),
    ],
)
def test_signatures(seen: dict[str, Answer], level: Level, word: str) -> None:
    found = promises.signatures(list(seen), seen, Unchecked())
    assert max((one.level for one in found), default=Level.FINE) is level
    assert word in " ".join(one.says for one in found if one.level is level)


def test_a_zone_that_nobody_answers_for_is_no_matter_of_signatures() -> None:
    found = promises.signatures(["a", "b"], {"a": signed(), "b": Answer(fault="SERVFAIL")}, Unchecked("SERVFAIL"))
    assert {one.level for one in found} == {Level.FINE}


def test_a_resolver_that_is_away_is_a_fault_and_no_traceback() -> None:
    found = promises.look(ZONES, [], [{"fqdn": "ns1.example.edu", "public_address": "127.0.0.53"}], Resolver(["127.0.0.53"], 0.3))
    assert max(one.level for one in found) is Level.CRITICAL
