"""Random rules that can be compiled for Postfix, and what each table must answer, told apart from the code that makes them."""

from __future__ import annotations

import random

from module_utils.tcprules import syntax

CDB = 'VALIDRCPTTO_CDB="x"'


def random_rules(seed: int) -> str:
    """Rules that can be compiled, in random order, nested and with ranges."""
    chance = random.Random(seed)
    given: dict[str, str] = {}
    variables = [
        'RELAYCLIENT=""',
        'RBLSMTPD=""',
        'RBLSMTPD="-no, never"',
        'RBLSMTPD="later"',
        CDB,
        'NOBADHELO=""',
        'MFCHECK="1"',
        'DENY_TLS="1"',
    ]
    for _ in range(chance.randrange(25)):
        parts = [str(chance.choice((10, 11, 12))) for _ in range(chance.choice((1, 2, 3, 4)))]
        low = chance.choice((9, 10, 11))
        parts[-1] = f"{low}-{low + chance.choice((1, 2, 130))}" if chance.random() < 0.2 else parts[-1]
        address = ".".join(parts) + ("." if len(parts) < 4 else "")
        chosen = {variable.partition("=")[0]: variable for variable in chance.sample(variables, chance.randrange(4))}
        given[address] = "deny" if chance.random() < 0.25 else ",".join(["allow", *chosen.values()])
    given[""] = chance.choice(["deny", "allow", f"allow,{CDB}", f'allow,{CDB},MFCHECK="1",DENY_TLS="1"', 'allow,NOBADHELO=""'])
    kept: dict[bytes, int] = {}
    written = []
    for address, instructions in given.items():
        rule = syntax.parse_line(1, f"{address}:{instructions}".encode())
        if rule and not any(key in kept for key in rule.keys):
            kept |= dict.fromkeys(rule.keys, 1)
            written.append(f"{address}:{instructions}\n")
    chance.shuffle(written)
    return "".join(written)


def expected(answer: syntax.Answer) -> dict[str, str | None]:
    """What the tables must answer, from what tcpserver would do, without the library's own policy."""
    said, name = answer.environment, "RBLSMTPD"
    text = said.get(name, "")
    refusal = "REJECT" if answer.deny else f"553 5.7.1 {text[1:]}" if text.startswith("-") else f"451 4.7.1 {text}" if text else ""
    tables: dict[str, str | None] = {"client.cidr": refusal or "DUNNO"}
    tables["postscreen.cidr"] = "reject" if answer.deny else "permit" if name in said else "dunno"
    tables["relay.cidr"] = "OK" if "RELAYCLIENT" in said and not refusal else None
    if not refusal:
        checked = "VALIDRCPTTO_CDB" in said and "RELAYCLIENT" not in said
        tables["recipients.cidr"] = "tcprules_recipients" if checked else "DUNNO"
        tables["badhelo.cidr"] = "DUNNO" if "NOBADHELO" in said else "tcprules_badhelo"
        tables["sender_domain.cidr"] = "reject_unknown_sender_domain" if "MFCHECK" in said else "DUNNO"
        tables["ehlo.cidr"] = "silent-discard, starttls" if "DENY_TLS" in said else None
    return tables


def random_address(chance: random.Random) -> str:
    """Return an address that rules of random_rules often name."""
    return ".".join(str(chance.choice((9, 10, 11, 12, 13, 140))) for _ in range(4))
