"""The rules of tcpserver: what lint says, what Postfix gets."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from filter_plugins.tcprules import tcprules_postfix, tcprules_source
from module_utils.tcprules import cdb, lint, syntax
from module_utils.tcprules.rules import rules_text


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("192.0.2.0/24:deny", "write 192.0.2."),
        ("10.1.20.3/20:deny", "write 10.1.16-31."),
        ("10.0.0.0/8:allow", "write 10."),
        ("10/8:allow", "write 10."),
        ("172.16.0.0/12:allow", "write 172.16-31."),
        ("192.0.2.1/32:allow", "write 192.0.2.1"),
        ("192.0.2.64/26:deny", "write 192.0.2.64-127"),
        ("192.0.2.0/255.255.255.0:deny", "write 192.0.2."),
        ("0.0.0.0/0:deny", "write the default rule, with nothing before the colon"),
        ("192.0.2.0/33:deny", "write an address, or a prefix that ends with a dot"),
        ("2001:db8::/32:allow", "leave it out: this tcprules knows no IPv6, and the default rule holds for those clients"),
        ("137.143:allow", "write 137.143."),
        ("10.16-31:allow", "write 10.16-31."),
        ("192.0.2.9-4:deny", "write 192.0.2.4-9"),
        ("192.0.2.4-:deny", "write 192.0.2.4-255"),
        ("192.0.2.4-300:deny", "write 192.0.2.4-255"),
        ("1-2.3-4.:deny", "write one line for each number of one of the ranges"),
        ("192.0.2.256:deny", "write an address that can be"),
        ("192.0.2.04:deny", "write 4"),
        ("192.0.2.1.:deny", "write 192.0.2.1"),
        ("192.0.2.1.5:deny", "write an address that can be"),
        ("192..2.1:deny", "write an address, or a prefix that ends with one dot"),
        ("192.0.2.*:deny", "write 192.0.2."),
        ("*.example.com:deny", "write =.example.com"),
        ("example.com:deny", "write =example.com"),
        ("=Host.Example.:deny", "write =host.example"),
        ("=*.example.com:deny", "write =.example.com"),
        ("=192.0.2.1:deny", "write 192.0.2.1 without ="),
        ("joe@192.0.2.:deny", "write user@192.0.2.1 or user@=host.name"),
        ("joe@192.0.2.1-4:deny", "write one line for each address"),
        ("@192.0.2.1:deny", "write 192.0.2.1, or user@192.0.2.1"),
        (" 192.0.2.1:deny", "write 192.0.2.1"),
        ("192.0.2.1 :deny", "write 192.0.2.1"),
        ("192.0.2.1:Allow", "write allow or deny in lower case directly after the colon"),
        ("192.0.2.1: allow", "write allow or deny in lower case directly after the colon"),
        ("192.0.2.1:permit", "write ADDRESS:allow or ADDRESS:deny"),
        ("192.0.2.1", "write 192.0.2.1:allow or 192.0.2.1:deny, or begin the line with # if it is a comment"),
        ("192.0.2.0/24", "write 192.0.2.:allow or 192.0.2.:deny, or begin the line with # if it is a comment"),
        (" # note", "begin a comment in the first column"),
        (" # note: this", "begin a comment in the first column"),
        ('192.0.2.1:allow,A="x",', "write the whole rule on one line: tcprules has no continuation"),
        ('LIMIT="10",DENY_', "write the whole rule on one line: tcprules has no continuation"),
        ("192.0.2.1:allow\r", "save the rules with Unix line ends"),
        ('192.0.2.1:allow, A="x"', 'write ,NAME="VALUE" without blanks'),
        ('192.0.2.1:allow,A="x",A="y"', "keep one of them"),
    ],
)
def test_lint_finds_what_would_never_match_and_says_what_to_write(line: str, remedy: str) -> None:
    findings = [finding for finding in lint.lint("# first\n" + line)[1] if finding.severity == "error"]
    assert [(finding.line, finding.remedy) for finding in findings] == [(2, remedy)]


@pytest.mark.parametrize(
    "line",
    [
        *("192.0.2.1:allow", "192.0.2.:deny", "10.:allow", "10-12.:allow", "10.1.16-31.:deny", "192.0.2.4-7:deny", "192.0.2.04-07:deny"),
        *("=host.example:deny", "=.example:deny", "=:allow", ":deny", "joe@192.0.2.1:allow", "joe@=host.example:deny"),
        *("", "# 192.0.2.0/24:deny", '1.2.3.4:allow,A="",B=|"|  '),
    ],
)
def test_lint_lets_everything_pass_that_can_match(line: str) -> None:
    assert lint.lint(line)[1] == []


def test_all_findings_come_at_once_with_their_lines() -> None:
    with pytest.raises(lint.LintError) as caught:
        lint.accepted("137.143:allow\n:deny\n192.0.2.0/24:deny\n:allow\n1.2.3.4:deny\n1.2.3.1-9:allow\n")
    assert [finding.line for finding in caught.value.findings] == [1, 3, 4, 6]
    assert "line 5 has said already what happens to 1.2.3.4, and the first line wins" in str(caught.value)


def test_what_works_but_is_perhaps_not_meant_is_a_warning() -> None:
    rules, warnings = lint.accepted('9.:deny,A="x"\n8.:allow,A=131\n')
    assert [rule.environment for rule in rules] == [{"A": "x"}, {"A": "3"}]
    assert [(warning.line, warning.remedy) for warning in warnings] == [(1, "write 9.:deny"), (2, 'write A="131" if you mean that')]


@pytest.mark.parametrize(
    ("client", "key"),
    [
        (("1.2.3.4", "a.b.c", "joe"), b"joe@1.2.3.4"),
        (("1.2.3.5", "a.b.c", "joe"), b"joe@=a.b.c"),
        (("1.2.3.4", "a.b.c", None), b"1.2.3.4"),
        (("1.2.3.5", "a.b.c", None), b"=a.b.c"),
        (("1.2.3.5", "x.b.c", None), b"1.2.3."),
        (("1.2.9.9", "x.b.c", None), b"=.b.c"),
        (("1.2.9.9", "x.y", None), b"="),
        (("1.2.9.9", None, None), b""),
    ],
)
def test_lookup_asks_in_the_order_of_tcpserver(client: tuple[str, str | None, str | None], key: bytes) -> None:
    addresses = ["joe@1.2.3.4", "joe@=a.b.c", "1.2.3.4", "=a.b.c", "1.2.3.", "=.b.c", "=", ""]
    found = syntax.database(syntax.parse("".join(f"{address}:allow\n" for address in addresses)))
    assert syntax.lookup(found, *client).key == key


def test_nothing_matches_means_allowed() -> None:
    assert syntax.lookup({}, "1.2.3.4").check() == b"default:\nallow connection\n"


def test_a_broken_database_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2048 bytes"):
        cdb.read(b"short")


def test_lists_of_the_inventory_become_the_same_text() -> None:
    entries: list[str | dict[str, object]] = [
        "127.:deny",
        {"address": "10.", "variables": {"RELAYCLIENT": "", "A": 'say "hi"'}},
        {"decision": "deny"},
    ]
    assert rules_text(entries) == '127.:deny\n10.:allow,RELAYCLIENT="",A=\'say "hi"\'\n:deny\n'


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"adress": "10."}, "adress means nothing"),
        ({"address": "2001:db8::1"}, "IPv4 only"),
        ({"address": "1.", "decision": "Deny"}, "write allow or deny"),
        ({"address": "1.", "variables": {"A": "two\nlines"}}, "value of A"),
    ],
)
def test_an_entry_that_cannot_be_written_is_named(entry: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        rules_text([entry])
    assert str(caught.value).startswith("rule 1: ")


def test_filters_fail_with_every_line() -> None:
    with pytest.raises(AnsibleFilterError, match=r"cannot be installed:\nline 1: 1\.2:deny: (.|\n)*line 2: 10/8:deny: "):
        tcprules_source("1.2:deny\n10/8:deny\n")
    with pytest.raises(AnsibleFilterError, match="cannot be carried over to Postfix"):
        tcprules_postfix(':allow,FOO="x"')
    assert set(tcprules_postfix([])) == {"tables", "main_cf", "notes"}
