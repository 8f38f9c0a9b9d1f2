"""Mail that leaves, as the internet machine gets it."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage

from frontdoor import post
from frontdoor.landscape import Machine
from tests.laboratory import Lab

MAILDIR = "/var/mail/elsewhere/Maildir"
DAY = 86400
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

# Runs on the internet machine: dkimpy, with the keys that its own resolver finds.
VERIFY = """
import json, sys, dkim
from pathlib import Path
for line in sys.stdin:
    text = Path(line.strip()).read_bytes()
    print(json.dumps({"signed": b"\\nDKIM-Signature:" in b"\\n" + text.partition(b"\\n\\n")[0], "good": dkim.verify(text)}))
"""


def submission(lab: Lab) -> Machine:
    """The machine where the campus hands in its mail."""
    return lab.inventory.machines("submission")[0]


def hand_in(lab: Lab, recipients: Sequence[str], message: bytes = b"", sender: str = "") -> str:
    """Hand a letter in as a machine of the campus does, by port 25; return its token. message: the token stands in it as TOKEN."""
    token, machine = post.new_token(), submission(lab)
    sender = sender or f"printer@{lab.inventory.domain}"
    message = message.replace(b"TOKEN", token.encode()) or post.letter(token, sender, ", ".join(recipients))
    campus = lab.origin(lab.inventory.machines("dns")[0].name)
    outcomes = post.hand_over(lambda: campus.smtp(machine.address, 25, "printer.elsewhere.test"), sender, recipients, message)
    assert all(outcome.sent for outcome in outcomes.values()), outcomes
    return token


def files(lab: Lab, token: str) -> list[str]:
    """Where letters with a token lie on the internet machine."""
    return lab.run(lab.outside.name, f"grep -rls {token} {MAILDIR}/new {MAILDIR}/cur", check=False).split()


def arrived(lab: Lab, token: str, recipient: str = "", seconds: float = 60) -> EmailMessage:
    """Wait for a letter at the internet machine and return it. recipient: this one's copy."""

    def look() -> EmailMessage | None:
        for file in files(lab, token):
            text = lab.run(lab.outside.name, f"cat {shlex.quote(file)} | base64")
            message = email.message_from_bytes(base64.b64decode(text), policy=email.policy.default)
            if not recipient or recipient in message.get_all("Delivered-To", []):
                return message
        return None

    found = post.wait_for(look, seconds)
    assert found is not None, f"{token} did not reach {recipient or 'the world'} within {seconds:.0f} s"
    return found


def verdicts(lab: Lab, places: Sequence[str]) -> list[dict[str, bool]]:
    """What dkimpy says at the internet machine of letters there: whether they are signed, and whether the signature is good."""
    said = lab.run(lab.outside.name, f"python3 -c {shlex.quote(VERIFY)}", stdin="\n".join(places) + "\n")
    return [json.loads(line) for line in said.splitlines()]


def waiting(lab: Lab, machine: str, recipient: str, instance: str = "inside") -> str:
    """Why a letter for somebody waits in a queue of a machine; nothing when it does not, or was not tried yet."""
    for line in lab.run(machine, f"postqueue -c /etc/postfix-{instance} -j").splitlines():
        for one in json.loads(line)["recipients"]:
            if one["address"] == recipient:
                return str(one.get("delay_reason", ""))
    return ""


def drop(lab: Lab, machine: str, recipients: Sequence[str], instance: str = "inside") -> None:
    """Take letters for somebody out of a queue."""
    for line in lab.run(machine, f"postqueue -c /etc/postfix-{instance} -j").splitlines():
        item = json.loads(line)
        if any(one["address"] in recipients for one in item["recipients"]):
            lab.run(machine, f"postsuper -c /etc/postfix-{instance} -d {item['queue_id']}", check=False)


def srs_address(secret: str, sender: str, ours: str, age: float = 0) -> str:
    """Return the address that stands for a sender elsewhere, as it was made so many seconds ago (the Sender Rewriting Scheme, 2004).

    Written down once more, for a test of PostSRSd needs somebody else's idea of what is good.
    """
    local, _, domain = sender.partition("@")
    days = int((time.time() - age) // DAY) % 1024
    stamp = _BASE32[days >> 5] + _BASE32[days & 31]
    digest = hmac.new(secret.encode(), (stamp + domain + local).lower().encode(), hashlib.sha1).digest()
    return f"SRS0={base64.b64encode(digest).decode()[:8]}={stamp}={domain}={local}@{ours}"


@contextmanager
def names(lab: Lab, records: Sequence[str], policies: dict[str, str]) -> Iterator[None]:
    """Have names below moving.test, and policies of MTA-STS by host, for a while. records: as nsupdate(1) has them, without "add"."""
    outside = lab.outside.name
    change = "".join(f"add {record}\n" for record in records)
    owners = sorted({record.split()[0] for record in records})
    try:
        lab.run(outside, "nsupdate -l", stdin=change + "send\n")
        for host, text in policies.items():
            lab.run(outside, f"cat > /srv/policies/{host}", stdin=text)
        yield
    finally:
        lab.run(outside, "nsupdate -l", stdin="".join(f"del {owner}\n" for owner in owners) + "send\n")
        lab.run(outside, "rm -f " + " ".join(f"/srv/policies/{host}" for host in policies))
