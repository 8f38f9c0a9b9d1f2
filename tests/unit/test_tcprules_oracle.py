"""The library against the real programs: tcprules, which writes the database, and tcprulescheck, which answers from it."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from module_utils.tcprules import cdb, lint, syntax

#: Another seed finds other cases: POSTHOUSE_SEED=7 pytest tests/unit/test_tcprules_oracle.py
SEED = int(os.environ.get("POSTHOUSE_SEED", "20121107"))
SETS, CLIENTS = 250, 40
END = b"-- next client --\n"

Client = tuple[bytes, bytes | None, bytes | None]


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Without the programs these tests prove nothing, so they fail."""
    missing = [name for name in ("tcprules", "tcprulescheck") if not shutil.which(name)]
    assert not missing, f"{missing} not found: install Debian's package ucspi-tcp"


def build(text: bytes, directory: Path) -> Path | None:
    """Let tcprules make the database; None where it refuses the rules."""
    made = directory / "rules.cdb"
    made.unlink(missing_ok=True)
    run = subprocess.run(["tcprules", made, directory / "rules.tmp"], input=text, capture_output=True, timeout=20, check=False)
    assert run.returncode in (0, 100), run.stderr
    return made if run.returncode == 0 else None


def check(made: Path, clients: list[Client]) -> list[bytes]:
    """Ask tcprulescheck about each client. One shell starts them all: a process from Python costs three times as much."""
    script = [b"unset TCPREMOTEHOST TCPREMOTEINFO"]
    for ip, host, info in clients:
        words = [b"TCPREMOTEIP=" + quote(ip)]
        words += [b"TCPREMOTEHOST=" + quote(host)] if host is not None else []
        words += [b"TCPREMOTEINFO=" + quote(info)] if info is not None else []
        script.append(b" ".join([*words, b"tcprulescheck", os.fsencode(shlex.quote(str(made)))]))
        script.append(b"printf '%s' " + quote(END))
    run = subprocess.run(["/bin/sh"], input=b"\n".join(script) + b"\n", capture_output=True, timeout=60, check=True)
    answers = run.stdout.split(END)
    assert answers.pop() == b""
    return answers


def quote(word: bytes) -> bytes:
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


class Maker:
    """Random rules and clients from small pools, so that many look-ups hit something and many rules collide."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.octets = [self.random.randrange(256) for _ in range(4)]
        self.names = [b"example", b"mx", b"a-b", b"dyn_1", b"org", b"\xc3\xa9", b"UPPER"]
        self.people = [b"joe", b"", b"a@b", b"x y", b"\xff"]

    def octet(self) -> int:
        return self.random.choice(self.octets) if self.random.random() < 0.9 else self.random.randrange(256)

    def ip(self) -> bytes:
        return b".".join(str(self.octet()).encode() for _ in range(4))

    def host(self) -> bytes:
        return b".".join(self.random.choice(self.names) for _ in range(self.random.randrange(5)))

    def number(self) -> bytes:
        low = self.octet()
        high = min(low + self.random.choice((0, 1, 5, 30, 300)), 400) if self.random.random() < 0.9 else self.octet()
        odd = self.random.choice((b"%d-%d" % (low, high), b"-%d" % high, b"%d-" % low, b"%d-%d-3" % (low, high), b"%d-0%d" % (low, high)))
        return b"%d-%d" % (low, high) if self.random.random() < 0.97 else odd

    def address(self) -> bytes:
        parts = [str(self.octet()).encode() for _ in range(self.random.choice((1, 2, 3, 3, 4, 4, 4)))]
        if self.random.random() < 0.3:
            parts[self.random.randrange(len(parts))] = self.number()
        network = b".".join(parts) + (b"." if len(parts) < 4 and self.random.random() < 0.95 else b"")
        host = self.random.choice((b"=", b"=.", b"=")) + self.host()
        person = self.random.choice(self.people) + b"@" + self.random.choice((self.ip(), b"=" + self.host()))
        weird = self.random.choice((b"10.0.0.0/8", b" 1.2.3.4", b"\xfe", b"::1", b"=", b"#", b"1.2.3.4 "))
        return self.random.choices((network, host, person, b"", weird), (60, 15, 10, 8, 2))[0]

    def value(self) -> bytes:
        return bytes(self.random.choice(b"abc \"'=,:#-\\$\t\x80\xff\x00\x01D+") for _ in range(self.random.randrange(6)))

    def variables(self) -> bytes:
        said = b""
        while self.random.random() < 0.45:
            name = self.random.choice((b"RELAYCLIENT", b"RBLSMTPD", b"A", b"a b", b"", b'X"', b",", b"\xc3"))
            value = self.value()
            quotes = [bytes([byte]) for byte in b'""""\'/|x1=,: \x80\x00#' if bytes([byte]) not in value]
            if quotes:
                sign = self.random.choice(quotes)
                said += b"," + name + b"=" + sign + value + sign
        return said

    def line(self) -> bytes:
        if self.random.random() < 0.06:
            return self.random.choice((b"", b"# comment:deny", b"no colon", b" \t", b" # blank", b"\t"))
        blanks = self.random.choice((b"", b"", b"", b" ", b" \t "))
        decision = self.random.choices((b"allow", b"deny", b"Allow", b"allow,", b"denied"), (60, 30, 0.15, 0.15, 0.15))[0]
        return self.address() + b":" + decision + self.variables() + blanks

    def rules(self) -> bytes:
        return b"\n".join(self.line() for _ in range(self.random.randrange(1, 40))) + self.random.choice((b"\n", b""))

    def client(self) -> Client:
        host = self.host() if self.random.random() < 0.6 else None
        info = self.random.choice(self.people) if self.random.random() < 0.4 else None
        return self.ip(), host, info


def test_ten_thousand_answers_are_those_of_tcprulescheck(tmp_path: Path) -> None:
    asked = decided = refused = seed = 0
    while asked < SETS * CLIENTS:
        maker = Maker(SEED * 1_000_003 + seed)
        seed += 1
        text = maker.rules()
        made = build(text, tmp_path)
        if made is None:
            refused += 1
            with pytest.raises(syntax.RuleError):
                syntax.parse(text)
            continue
        rules = syntax.parse(text)
        assert made.read_bytes() == cdb.write(syntax.records(rules)), f"another database for {text!r}"
        found = cdb.read(made.read_bytes())
        assert found == syntax.database(rules), f"other records for {text!r}"
        clients = [maker.client() for _ in range(CLIENTS)]
        for client, said in zip(clients, check(made, clients), strict=True):
            answer = syntax.lookup(found, *client)
            assert answer.check() == said, f"{client} with {text!r}"
            asked += 1
            decided += answer.key is not None
    assert asked >= 10_000
    assert refused, "no rule set that tcprules refuses came up: the maker does not try hard enough"
    assert decided > asked // 4, f"only {decided} of {asked} look-ups met a rule: the maker does not try hard enough"


WORDS = """1.2.3. 1.2.3.4 1.2.3.4-9 9-4 10. = =.a.b =host.name @ user@1.2.3.4 /24 : :allow :deny :Allow ,A= " x "v" - . 256 é * #
,RELAYCLIENT="" ,RBLSMTPD="-no" """
FRAGMENTS = st.sampled_from([*WORDS.split(), "\n", " ", "\t", "\r", "\0"])
GOOD = st.sampled_from(["1.2.3.4", "1.2.3.", "1.2.4.0-9", "1.", "=a.b", "=.b", "=", "joe@1.2.3.4", "joe@=a.b", "2-3.", "10.9.1-8.", ""])
BAD = st.sampled_from(["1.2.3.0/24", "1.2", "1-3", "9-4.", "1.2.3.4.", "01.", "=A.b", "a.b", "1.2.3.5-700", "joe@1.2."])
VARIABLES = st.lists(st.sampled_from([',A="x"', ",B='x'", ',C=""', ',D="1"', ",E=|''|"]), max_size=3, unique=True).map("".join)
LINE = st.builds("{}:{}{}".format, GOOD, st.sampled_from(["allow", "deny"]), VARIABLES)
ODD_LINE = st.builds("{}:{}{}".format, st.one_of(GOOD, BAD), st.sampled_from(["allow", "deny", " allow"]), VARIABLES)
MIXED = st.one_of(
    st.lists(FRAGMENTS, max_size=25).map("".join), st.lists(st.one_of(LINE, ODD_LINE), max_size=4).map("\n".join), st.binary(max_size=60)
)
TEXTS = st.one_of(MIXED, st.lists(LINE, max_size=6, unique_by=lambda line: line.partition(":")[0]).map("\n".join))


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("1.2.3." + "9" * 5000 + ":deny")
@example("1.2.3.4-" + "9" * 5000 + ":deny")
@given(TEXTS)
def test_what_lint_accepts_is_accepted_and_answered_alike(tmp_path: Path, text: str | bytes) -> None:
    rules, findings = lint.lint(text)
    if any(finding.severity == "error" for finding in findings):
        for finding in findings:
            assert finding.problem
            assert finding.remedy
            assert "\n" not in str(finding)
        return
    made = build(syntax.bytes_of(text), tmp_path)
    assert made is not None, f"lint accepts {text!r}, tcprules does not"
    found = syntax.database(rules)
    assert cdb.read(made.read_bytes()) == found
    clients: list[Client] = [
        (b"1.2.3.4", None, None),
        (b"1.2.3.200", b"a.b", b"joe"),
        (b"10.9.8.7", b"x.b", None),
        (b"1.2.3.4", b"a.b", b"joe"),
    ]
    for client, said in zip(clients, check(made, clients), strict=True):
        assert syntax.lookup(found, *client).check() == said
        assert b"\0" not in said


@settings(max_examples=600, deadline=None, derandomize=True)
@given(TEXTS)
def test_every_address_that_lint_accepts_answers_somebody(text: str | bytes) -> None:
    """The point of lint: no rule is left that no client can meet."""
    rules, findings = lint.lint(text)
    if any(finding.severity == "error" for finding in findings):
        return
    found = syntax.database(rules)
    for rule in rules:
        for key in rule.keys:
            assert syntax.lookup(found, *somebody(key)).key == key, f"{rule.text!r} never decides"


def somebody(key: bytes) -> Client:
    """Make up a client for whom a key is meant."""
    info, at, where = key.rpartition(b"@")
    person = info if at else None
    if where.startswith(b"="):
        host = where[1:] or b"some.where"
        return b"203.0.113.9", b"some" + host if host.startswith(b".") else host, person
    parts = where.removesuffix(b".").split(b".") if where else []
    return b".".join([*parts, *[b"254"] * (4 - len(parts))]), None, person
