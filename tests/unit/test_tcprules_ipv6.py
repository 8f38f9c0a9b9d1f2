"""Rules for networks of IPv6: what they become in Postfix's tables, and what is refused."""

from __future__ import annotations

import ipaddress
import random

import pytest

from module_utils.tcprules import lint, postfix
from module_utils.tcprules.ipv6 import rules6

PAGE = '127.:allow,RELAYCLIENT="",RBLSMTPD=""\n:allow,VALIDRCPTTO_CDB="x"\n'
PAGE6 = """# the campus
2001:db8:1::/48:allow,RELAYCLIENT="",RBLSMTPD=""
2001:db8:1:bad::/64:deny
2001:db8:1:bad::7:allow,RBLSMTPD=""
"""


def lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if not line.startswith("#")]


def answer(table: str, address: str) -> str | None:
    """As cidr_table(5) does: the first line that matches."""
    for line in lines(table):
        network, _, action = line.partition("\t")
        found = ipaddress.ip_network(network)
        if found.version == ipaddress.ip_address(address).version and ipaddress.ip_address(address) in found:
            return action
    return None


def test_networks_of_ipv6_have_answers_of_their_own() -> None:
    tables = postfix.compile_rules(PAGE, text6=PAGE6).tables
    assert [line for line in lines(tables["postscreen.cidr"]) if ":" in line] == [
        "2001:db8:1:bad::7/128\tpermit",
        "2001:db8:1:bad::/64\treject",
        "2001:db8:1::/48\tpermit",
        "::/0\tdunno",
    ]
    relays = {address: answer(tables["relay.cidr"], address) for address in ("2001:db8:1::9", "2001:db8:1:bad::7", "2001:db8:1:bad::8")}
    assert relays == {"2001:db8:1::9": "OK", "2001:db8:1:bad::7": None, "2001:db8:1:bad::8": None}
    assert answer(tables["recipients.cidr"], "2001:db8:1::9") == "DUNNO"
    assert answer(tables["recipients.cidr"], "2001:db8:2::9") == "tcprules_recipients"
    assert answer(tables["client.cidr"], "2001:db8:1:bad::8") == "REJECT"
    assert "# line 3: 2001:db8:1:bad::/64:deny\n2001:db8:1:bad::/64\treject\n" in tables["postscreen.cidr"]


def test_without_them_nothing_is_said_of_ipv6_but_the_default_rule() -> None:
    tables = postfix.compile_rules(PAGE).tables
    said = {line.split("\t")[0] for name, table in tables.items() if name.endswith(".cidr") for line in lines(table)}
    assert {network for network in said if ":" in network} == {"::/0"}
    assert answer(tables["relay.cidr"], "::1") is None
    assert answer(tables["relay.cidr"], "2001:db8::1") is None


def test_who_may_relay_is_who_a_rule_says_whatever_the_nesting() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        pieces = ["2001:db8::/32", *(f"2001:db8:{chance.randrange(4)}::/48" for _ in range(3))]
        pieces += [f"2001:db8:{chance.randrange(4)}:{chance.randrange(3)}::/64" for _ in range(6)]
        rules = {network: chance.choice(["deny", 'allow,RELAYCLIENT=""', "allow"]) for network in dict.fromkeys(pieces)}
        order = list(rules.items())
        chance.shuffle(order)
        tables = postfix.compile_rules(PAGE, text6="".join(f"{network}:{said}\n" for network, said in order)).tables
        for _ in range(60):
            address = f"2001:db8:{chance.randrange(5)}:{chance.randrange(4)}::{chance.randrange(3)}"
            best = max(
                (n for n in rules if ipaddress.ip_address(address) in ipaddress.ip_network(n)), key=lambda n: int(n.rpartition("/")[2])
            )
            assert (answer(tables["relay.cidr"], address) == "OK") == ("RELAYCLIENT" in rules[best]), (seed, address)
            assert (answer(tables["client.cidr"], address) == "REJECT") == (rules[best] == "deny"), (seed, address)


def test_a_tls_that_is_not_offered_is_cut_out_of_the_default() -> None:
    tables = postfix.compile_rules(':allow,DENY_TLS="1"\n', text6="2001:db8::/32:allow\n").tables
    assert answer(tables["ehlo.cidr"], "2001:db8::1") is None
    assert answer(tables["ehlo.cidr"], "2001:db9::1") == "silent-discard, starttls"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('::/0:allow,RELAYCLIENT=""', "open relay"),
        ('2002::/16:allow,RELAYCLIENT=""', "open relay"),
        (":deny", "the default rule stands on the page of tcprules"),
        ("192.0.2.7:deny", "write it on the page of tcprules"),
        ("::ffff:192.0.2.0/120:deny", "looked up as IPv4"),
        ("2001:db8::7/32:deny", "write 2001:db8::/32"),
        ("2001:db8::zz:deny", "write an address or a network of IPv6"),
        ("2001:db8::/32", "no :allow and no :deny"),
        ("2001:db8::/32: allow", "no :allow and no :deny"),
        ("2001:db8::/32:Deny", "no :allow and no :deny"),
        ("2001:db8::/32:allow,GREETDELAY", "has no ="),
        ('2001:db8::/32:allow,FOO="x"', "FOO is not a variable"),
        ('2001:db8::/32:allow,GREETDELAY="5"', "Postfix has one value for all networks"),
        ("2001:db8::/32:deny\n2001:DB8:0::/32:allow", "line 1 has said already"),
        ('2001:db8::/32:allow,RBLSMTPD="",RBLSMTPD=""', "is set twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, said: str) -> None:
    with pytest.raises(lint.LintError) as caught:
        postfix.compile_rules(PAGE, text6=line)
    assert said in str(caught.value)


def test_brackets_and_capitals_are_read() -> None:
    ((rule, network),) = rules6("[2001:DB8::7]:deny\n")
    assert (str(network), rule.deny) == ("2001:db8::7/128", True)
