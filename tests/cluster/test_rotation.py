"""Keys change while mail flows, and no signature fails: published first, signing later, withdrawn last, and never too early."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from frontdoor import paths, post, stages
from tests import outgoing
from tests.laboratory import Lab

# Letters as quickly as the machine's own programs can hand them in, until the mark is taken away; each has a number after the token.
FLOW = """
i=0
while [ -e /run/{token} ] && [ $i -lt 1000 ]; do
    i=$((i + 1))
    printf 'From: printer@{domain}\\nTo: out@elsewhere.test\\nSubject: {token} %s.\\n\\nA line.\\n' $i |
        sendmail -f printer@{domain} out@elsewhere.test
    sleep 0.3
done
echo $i > /run/{token}.sent
"""
SECONDS = ("cluster_dkim_publish_wait=1", "cluster_dkim_retire_wait=1")


def rotate(*values: str) -> tuple[bool, str]:
    """Run the playbook with values of the inventory overruled; whether it did a step, and what it said."""
    command = ["ansible-playbook", "playbooks/rotate-dkim.yml"]
    command += [word for value in values for word in ("--extra-vars", value)]
    done = subprocess.run(command, cwd=paths.CHECKOUT, env=stages.environment(), capture_output=True, text=True, check=False, timeout=200)
    return done.returncode == 0, done.stdout + done.stderr


def standing() -> dict[str, str]:
    """Selectors that are in DNS and their stages, oldest first."""
    state = yaml.safe_load((paths.INVENTORY / "dkim" / "selectors.yml").read_text(encoding="utf-8"))
    return {name: entry["stage"] for name, entry in state.items() if entry["records"]}


@contextmanager
def flow(lab: Lab, token: str) -> Iterator[None]:
    """Have letters leave, one after the other, as long as this lasts."""
    machine = outgoing.submission(lab).name
    lab.run(machine, f"touch /run/{token}; cat > /run/{token}.sh", stdin=FLOW.format(token=token, domain=lab.inventory.domain))
    lab.run(machine, f"systemd-run --quiet --unit flow-{token} sh /run/{token}.sh")
    try:
        yield
    finally:
        lab.run(machine, f"rm /run/{token}")


def judged(lab: Lab, token: str, seen: set[str]) -> set[str]:
    """Have every letter judged that came since; none may be unsigned or signed badly. Return the selectors they name."""
    new = sorted(set(outgoing.files(lab, token)) - seen)
    assert new, "no mail flows"
    for place, verdict in zip(new, outgoing.verdicts(lab, new), strict=True):
        assert verdict == {"signed": True, "good": True}, f"{place}: {verdict}"
    seen.update(new)
    return set(re.findall(r"\bs=(\w+);", lab.run(lab.outside.name, "cat " + " ".join(new))))


def test_keys_change_while_mail_flows(lab: Lab) -> None:
    while len(standing()) > 1:  # what a run that broke down left behind
        did, said = rotate(*SECONDS)
        assert did, said
    (old,) = standing()
    token, seen = post.new_token(), set[str]()
    with flow(lab, token):
        did, said = rotate(*SECONDS)
        assert not did, "it signs for its time"
        assert "dkim_now=true" in said
        did, said = rotate("dkim_now=true", *SECONDS)
        assert did, said
        new = list(standing())[-1]
        assert standing() == {old: "signing", new: "published"}
        assert judged(lab, token, seen) == {old}, "what is only published does not sign"

        did, said = rotate("cluster_dkim_publish_wait=3600")
        assert not did
        assert re.search(rf"Too early: {new} is in DNS since \S+ and until 20\S+ \S+ UTC", said.replace("\n", " ")), said
        assert standing() == {old: "signing", new: "published"}
        # The TTL passes: until then a resolver that validates concludes from what it knows of the zone that the new name is not there
        # (RFC 8198).
        lab.run(lab.outside.name, "rndc flush")
        # A step of which a machine has not heard is not done: the next run carries the same one to it.
        did, said = rotate("ansible_port=1", *SECONDS)
        assert not did
        assert "did not answer: run this again when they do" in said.replace("\n", " "), said
        did, said = rotate(*SECONDS)
        assert did, said
        assert standing() == {old: "retired", new: "signing"}
        after = len(outgoing.files(lab, token))
        assert post.wait_for(lambda: len(outgoing.files(lab, token)) > after + 3, 30)
        assert judged(lab, token, seen) == {old, new}
        # Hours pass, at the least: the filter keeps its sessions with the last stage from letter to letter, and with them their signer.
        lab.run(outgoing.submission(lab).name, "systemctl restart amavis")

        did, said = rotate("cluster_dkim_retire_wait=3600")
        assert not did
        assert f"Too early: {old} signs no more since" in said
        did, said = rotate(*SECONDS)
        assert did, said
        assert standing() == {new: "signing"}
        assert not (paths.INVENTORY / "dkim" / f"{old}.key").exists()
    machine = outgoing.submission(lab).name
    sent = int(post.wait_for(lambda: lab.run(machine, f"cat /run/{token}.sent 2>/dev/null", check=False), 10))
    assert post.wait_for(lambda: len(outgoing.files(lab, token)) == sent, 30), "not every letter arrived"
    assert judged(lab, token, seen) == {new}
    assert len(seen) == sent > 10
    assert not lab.run(lab.outside.name, f"dig +short {old}._domainkey.{lab.inventory.domain} TXT").strip()
    assert lab.run(lab.outside.name, f"dig +short {new}._domainkey.{lab.inventory.domain} TXT").startswith('"v=DKIM1')
