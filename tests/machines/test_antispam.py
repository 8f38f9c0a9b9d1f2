"""SpamAssassin as a content filter sees it: what it believes, what it knows, whom it asks, and what it does without its database."""

from __future__ import annotations

import json
import re
import shlex
import time

from frontdoor import paths, post
from frontdoor.landscape import Landscape
from tests.laboratory import Lab
from tests.scanning import everywhere

INVENTORY = Landscape(paths.INVENTORY)
NAMES = [machine.name for machine in INVENTORY.machines("content_filter")]
# The user of Bayes that everybody has here; a test's own learning must not become the site's.
OURS = "bayes_sql_override_username"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def letter(body: str, subject: str = "Minutes", client: str = "198.51.100.77", number: int = 0) -> str:
    """Return a letter as the filter is given it: its sender on top, then the lines that our own stages wrote."""
    ours = INVENTORY.machines("exchanger")[0]
    return (
        "Return-Path: <writer@elsewhere.test>\n"
        f"Received: from {ours.fqdn} (localhost [127.0.0.1])\n\tby {ours.fqdn} (Postfix) with ESMTP id 4A\n"
        f"\tfor <a@{INVENTORY.domain}>; Sun, 22 Nov 2026 10:00:01 +0000 (UTC)\n"
        f"Received: from client.elsewhere.test (client.elsewhere.test [{client}])\n\tby {ours.fqdn} (Postfix) with ESMTPS id 4B\n"
        f"\tfor <a@{INVENTORY.domain}>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)\n"
        f"From: writer@elsewhere.test\nTo: a@{INVENTORY.domain}\nSubject: {subject}\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n"
        f"Message-ID: <{post.new_token()}.{number}@client.elsewhere.test>\n\n{body}\n"
    )


def judge(lab: Lab, name: str, text: str, *options: str) -> str:
    """Let SpamAssassin judge a letter without remembering it, as the user that owns it; return its report and what it said."""
    words = " ".join(shlex.quote(f"--cf={option}") for option in ("use_txrep 0", "bayes_auto_learn 0", *options))
    debug = "-D metadata,dns,bayes,spf"
    return lab.run(name, f"cd /; runuser -u debian-spamd -- spamassassin -x -t {debug} {words} 2>&1", text, timeout=90)


def hits(report: str) -> set[str]:
    return set(re.findall(r"^ *-?\d+(?:\.\d+)? ([A-Z][A-Z0-9_]+) ", report, re.MULTILINE))


@everywhere(NAMES)
def test_settings_are_without_fault_and_the_database_answers(lab: Lab, name: str) -> None:
    lab.run(name, "antispam lint")
    found = json.loads(lab.run(name, "antispam status --json"))
    assert found["state"] == "current"
    assert set(found["bayes"]) == {"nspam", "nham", "ntokens"}


@everywhere(NAMES)
def test_only_our_own_machines_are_believed(lab: Lab, name: str) -> None:
    report = judge(lab, name, letter("hello"))
    trusted, untrusted = (re.search(rf"X-Spam-Relays-{kind}: (.*)", report) for kind in ("Trusted", "External"))
    assert trusted
    assert untrusted
    assert "ip=127.0.0.1" in trusted[1]
    assert "ip=198.51.100.77" not in trusted[1]
    assert untrusted[1].startswith("[ ip=198.51.100.77 ")
    # Private, as SpamAssassin would trust it unasked, and none of ours.
    assert (
        "ip=192.168.7.7"
        not in (re.search("X-Spam-Relays-Trusted: (.*)", judge(lab, name, letter("hello", client="192.168.7.7"))) or [""])[0]
    )


@everywhere(NAMES)
def test_the_sender_of_the_envelope_is_known_behind_our_own_stages(lab: Lab, name: str) -> None:
    assert "checking EnvelopeFrom (helo=client.elsewhere.test, ip=198.51.100.77, envfrom=writer@elsewhere.test)" in judge(
        lab, name, letter("hello")
    )


@everywhere(NAMES)
def test_only_the_machines_own_resolver_is_asked(lab: Lab, name: str) -> None:
    servers = set(re.findall(r"(?:nameservers set to|servers:) (\S.*)", judge(lab, name, letter("http://www.example.test/"))))
    assert servers
    assert all("127.0.0.1" in server for server in servers), servers


@everywhere(NAMES)
def test_the_test_spam_is_spam_and_a_plain_letter_is_not(lab: Lab, name: str) -> None:
    assert "GTUBE" in hits(judge(lab, name, letter(GTUBE)))
    report = judge(lab, name, letter("Dear colleagues,\n\nthe minutes are attached. See you on Tuesday.\n\nJohn"))
    points = re.search(r"^Content analysis details: +\((-?[\d.]+) points", report, re.MULTILINE)
    assert points
    assert float(points[1]) < 3, hits(report)


@everywhere(NAMES)
def test_bayes_learns_into_the_database_and_knows_what_it_learnt(lab: Lab, name: str) -> None:
    option = f"{OURS} test-{post.new_token()}"
    try:
        _learns(lab, name, option)
    finally:
        lab.run(name, f"cd /; runuser -u debian-spamd -- sa-learn --clear --cf={shlex.quote(option)}")


def _learns(lab: Lab, name: str, option: str) -> None:
    fewer = [option, "bayes_min_ham_num 5", "bayes_min_spam_num 5"]
    words = " ".join(shlex.quote(f"--cf={one}") for one in fewer)
    keep = "file=$(mktemp); cat > $file; chmod 644 $file; cd /"
    for kind, word in (("spam", "zorkpill"), ("ham", "gradebook")):
        bodies = [" ".join(f"{word}{n}" for n in range(number, number + 20)) for number in range(8)]
        box = "".join(f"From w@elsewhere.test Sun Nov 22 10:00:00 2026\n{letter(body, number=n)}\n" for n, body in enumerate(bodies))
        said = lab.run(name, f"{keep}; runuser -u debian-spamd -- sa-learn --{kind} --mbox {words} $file; rm $file", box, timeout=90)
        assert "Learned tokens from 8 message(s)" in said
    assert hits(judge(lab, name, letter("zorkpill7 zorkpill8 zorkpill9 zorkpill10"), *fewer)) & {"BAYES_99", "BAYES_95"}
    assert hits(judge(lab, name, letter("gradebook7 gradebook8 gradebook9 gradebook10"), *fewer)) & {"BAYES_00", "BAYES_05"}


@everywhere(NAMES)
def test_without_its_database_a_letter_is_judged_all_the_same(lab: Lab, name: str) -> None:
    source = lab.run(name, "grep -h ^bayes_sql_dsn /etc/spamassassin/80_database.cf").strip()
    nowhere = re.sub(r"host=[^;]+", "host=198.51.100.254", source)
    began = time.monotonic()
    found = hits(judge(lab, name, letter(GTUBE), nowhere))
    assert "GTUBE" in found
    assert not any(rule.startswith("BAYES_") for rule in found)
    assert time.monotonic() - began < 30


@everywhere(NAMES)
def test_strangers_do_not_read_the_databases_password(lab: Lab, name: str) -> None:
    assert lab.run(name, "stat -c '%a %U %G' /etc/spamassassin/80_database.cf").strip() == "640 root posthouse-antispam"
    assert "Permission denied" in lab.run(name, "runuser -u nobody -- cat /etc/spamassassin/80_database.cf 2>&1", check=False)


@everywhere(NAMES)
def test_a_mistake_in_the_sites_rules_is_named_with_its_line(lab: Lab, name: str) -> None:
    trial = "cp -a /etc/spamassassin /tmp/trial && printf '\\nscroe GTUBE 5\\n' > /tmp/trial/site.cf"
    said = lab.run(name, f"{trial}; spamassassin --lint -x --siteconfigpath=/tmp/trial 2>&1; rm -r /tmp/trial", check=False)
    assert "scroe GTUBE 5" in said
    assert "site.cf" in said
