"""What Postfix gets from the rules of tcpserver."""

from __future__ import annotations

import ipaddress
import random

import pytest

from module_utils.tcprules import lint, postfix, syntax
from tests.policies import expected, random_address, random_rules

TALK = """127.:allow,RELAYCLIENT="",RBLSMTPD=""
137.143.:allow,RELAYCLIENT="",RBLSMTPD=""
# Baddies
137.143.67.71:deny
71.16.72.:deny
# Default
:allow,VALIDRCPTTO_CDB="/var/qmail/control/validrcptto.cdb",VALIDRCPTTO_LIMIT="10",GREETDELAY="30",DROP_PRE_GREET="0",DENY_TLS="1",LOGREGEX="1"
"""
CDB = 'VALIDRCPTTO_CDB="x"'


def lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if not line.startswith("#")]


def test_the_rules_of_the_talk() -> None:
    compiled = postfix.compile_rules(TALK)
    tables = {name: lines(table) for name, table in compiled.tables.items()}
    assert tables["postscreen.cidr"] == [
        "137.143.67.71/32\treject",
        "71.16.72.0/24\treject",
        "137.143.0.0/16\tpermit",
        "127.0.0.0/8\tpermit",
        "0.0.0.0/0\tdunno",
        "::/0\tdunno",
    ]
    assert tables["recipients.cidr"] == [
        "137.143.0.0/16\tDUNNO",
        "127.0.0.0/8\tDUNNO",
        "0.0.0.0/0\ttcprules_recipients",
        "::/0\ttcprules_recipients",
    ]
    assert tables["badhelo.cidr"] == ["0.0.0.0/0\ttcprules_badhelo", "::/0\ttcprules_badhelo"]
    assert "137.143.67.64/30\tOK" in tables["relay.cidr"]
    assert not any(line.startswith("137.143.67.71/") for line in tables["relay.cidr"])
    assert compiled.main_cf == {
        "postscreen_greet_wait": "30s",
        "postscreen_greet_action": "ignore",
        "smtpd_hard_error_limit": "10",
        "smtpd_soft_error_limit": "10",
    }
    assert compiled.notes == []
    assert "# line 5: 71.16.72.:deny\n71.16.72.0/24\treject\n" in compiled.tables["postscreen.cidr"]


def test_no_rules_mean_that_everybody_is_allowed() -> None:
    tables = {name: lines(table) for name, table in postfix.compile_rules("").tables.items()}
    assert tables["client.cidr"] == ["0.0.0.0/0\tDUNNO", "::/0\tDUNNO"]
    assert tables["relay.cidr"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('1.:allow,GREETDELAY="0"\n:allow,GREETDELAY="30"', "RBLSMTPD"),
        ('1.:allow,GREETDELAY="5"\n:allow,GREETDELAY="30"', 'write GREETDELAY="30" here too, or leave it out'),
        ('1.:allow,GREETDELAY="30",RBLSMTPD=""\n:allow,GREETDELAY="30"', "leave one of them out"),
        (f'1.:allow,{CDB},VALIDRCPTTO_LIMIT="3"\n:allow,{CDB}', "Postfix has one value for all networks"),
        ('1.:allow,DATABYTES="5"', "set it in the default rule, for all"),
        ('1.:allow,GREETDELAY="soon"', "is no number; write digits"),
        ('1.:allow,FOO="x"', "FOO is not a variable that can be carried over"),
        ('1.:allow,QMAILQUEUE="x"', "QMAILQUEUE means nothing to Postfix"),
        ('1.:allow,RELAYCLIENT="@elsewhere"', 'write RELAYCLIENT=""'),
        ('1.:allow,DENY_TLS="1",FORCE_TLS="1"', "keep one, or write deny"),
        ('1.:allow,RBLSMTPD="-naïve"', "write plain ASCII"),
        (':allow,RELAYCLIENT=""', "open relay"),
        ("joe@1.2.3.4:deny", "Postfix asks no ident server"),
        ('=a.b:allow,RELAYCLIENT=""', "whatever the client's own zone says"),
        ("=a.b:allow\n:deny", "the default rule refuses before the client's name is known"),
    ],
)
def test_what_postfix_cannot_do_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(lint.LintError) as caught:
        postfix.compile_rules(text)
    assert len(caught.value.findings) == 1
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '1.:allow,GREETDELAY="30"\n:allow,GREETDELAY="30"',
        '1.:allow,GREETDELAY="0",RBLSMTPD=""\n:allow,GREETDELAY="30"',
        '1.:allow,GREETDELAY="5",RBLSMTPD="-no"\n:allow,GREETDELAY="30"',
        f'1.:allow,RELAYCLIENT="",VALIDRCPTTO_LIMIT="3"\n:allow,{CDB}',
        f'1.:allow,VALIDRCPTTO_LIMIT="10",{CDB}\n:allow,{CDB}',
        '1.:deny,GREETDELAY="5"\n:allow',
        '1.:allow,LOGREGEX="0"',
    ],
)
def test_a_value_that_makes_no_difference_is_no_fault(text: str) -> None:
    postfix.compile_rules(text)


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("-go away", "553 5.7.1 go away"),
        ("come back later", "451 4.7.1 come back later"),
        ("-5.7.25 no name", "553 5.7.25 no name"),
        ("-", "553 5.7.1 Access denied"),
        ("-" + "x" * 300, "553 5.7.1 " + "x" * 200),
    ],
)
def test_the_text_of_rblsmtpd_is_what_smtpd_answers(value: str, action: str) -> None:
    tables = postfix.compile_rules(f'192.0.2.:allow,RBLSMTPD="{value}"').tables
    assert lines(tables["client.cidr"])[0] == f"192.0.2.0/24\t{action}"
    # postscreen would answer with words of its own.
    assert lines(tables["postscreen.cidr"])[0] == "192.0.2.0/24\tpermit"


def test_what_holds_unsaid_is_noted() -> None:
    notes = postfix.compile_rules(f'1.:allow\n2.:allow,RBLSMTPD=""\n:allow,GREETDELAY="30",{CDB}').notes
    assert ["GREETDELAY" in note for note in notes] == [True, False, False]
    assert ["VALIDRCPTTO_CDB" in note for note in notes] == [False, True, True]


def test_nobody_gets_tls() -> None:
    compiled = postfix.compile_rules('1.:allow,DENY_TLS="1"\n:allow,DENY_TLS="1"', "dsn, etrn")
    assert compiled.main_cf == {"smtpd_tls_security_level": "none"}
    assert lines(compiled.tables["ehlo.cidr"])[0] == "1.0.0.0/8\tdsn, etrn, starttls"


def test_names_come_where_tcpserver_asks_for_them() -> None:
    tables = {
        name: lines(table)
        for name, table in postfix.compile_rules("1.2.3.4:allow\n1.2.:allow\n=.b:deny\n=a.b:allow\n=x.c:deny\n").tables.items()
    }
    assert tables["client.cidr"] == [
        "1.2.3.4/32\tDUNNO",
        "1.2.0.0/16\ttcprules_hosts",
        "0.0.0.0/0\ttcprules_names",
        "::/0\ttcprules_names",
    ]
    assert tables["hosts.regexp"][3:] == ["/^a\\.b$/\tDUNNO", "/^x\\.c$/\tREJECT"]
    assert tables["names.regexp"][3:] == ["/^a\\.b$/\tDUNNO", "/^x\\.c$/\tREJECT", "/\\.b$/\tREJECT"]


def first_match(table: str, ip: str) -> str | None:
    for line in lines(table):
        network, action = line.split("\t")
        if ipaddress.ip_address(ip) in ipaddress.ip_network(network):
            return action
    return None


@pytest.mark.parametrize("seed", range(150))
def test_every_table_answers_as_the_rules_do(seed: int) -> None:
    text = random_rules(seed)
    compiled = postfix.compile_rules(text)
    assert compiled.tables == postfix.compile_rules(text).tables
    found = syntax.database(syntax.parse(text))
    chance = random.Random(seed)
    for _ in range(30):
        ip = random_address(chance)
        for name, action in expected(syntax.lookup(found, ip)).items():
            assert first_match(compiled.tables[name], ip) == action, f"{name} for {ip} with\n{text}"
