"""Each of several faults turns exactly its own check of `status` red, and nothing else of the machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from frontdoor import post
from tests.faults.faults import stopped, window
from tests.laboratory import Lab

Red = set[tuple[str, str, str]]
INSIDE = "/etc/postfix-inside"
# Nobody is there, and nobody says so at once.
NOWHERE = "nobody@[198.51.100.253]"


def red(lab: Lab, machine: str, question: str = "status --json") -> Red:
    """What a machine says of itself that is not fine: level, check, about."""
    answer = json.loads(lab.run(machine, question, check=False))
    findings = answer if isinstance(answer, list) else answer["findings"]
    return {(one["level"], one["check"], one["about"]) for one in findings if one["level"] != "fine"}


@contextmanager
def becomes(lab: Lab, machine: str, *expected: tuple[str, str, str], question: str = "status --json") -> Iterator[Callable[[], None]]:
    """Give a question: is exactly this red now that was not before? Afterwards nothing of it may be left."""
    before = red(lab, machine, question)

    def look() -> None:
        assert red(lab, machine, question) - before == set(expected)

    yield look
    assert post.wait_for(lambda: red(lab, machine, question) <= before, 30), red(lab, machine, question) - before


def test_a_stopped_service_is_one_line(lab: Lab) -> None:
    """Not five more for the ports that it would have answered."""
    proxy = lab.proxy.name
    with becomes(lab, proxy, ("critical", "unit", "dovecot.service")) as look, stopped(lab, "dovecot", [proxy]):
        look()


def test_a_unit_that_failed(lab: Lab) -> None:
    proxy, unit = lab.proxy.name, "posthouse-test-fails.service"
    with window(), becomes(lab, proxy, ("warning", "unit", unit)) as look:
        lab.run(proxy, f"systemd-run --quiet --unit={unit} /bin/false; until systemctl is-failed -q {unit}; do sleep .1; done")
        look()
        lab.run(proxy, f"systemctl reset-failed {unit}")


def test_a_letter_that_is_held(lab: Lab) -> None:
    mx = lab.exchanger.name
    waiting = f'postqueue -c {INSIDE} -j | grep -F \'{NOWHERE}\' | grep -Po \'"queue_name": "deferred", "queue_id": "\\K\\w+\' || true'
    quick = "status look"  # without the other services, whose answers take a second
    with becomes(lab, mx, question=quick) as look, becomes(lab, mx, ("warning", "held", "inside"), question=quick) as look_again:
        lab.run(mx, f"printf 'Subject: held\\n\\nheld\\n' | sendmail -C {INSIDE} -i -f '' '{NOWHERE}'")
        identity = post.wait_for(lambda: lab.run(mx, waiting).strip(), 30)
        assert identity
        try:
            # One letter that waits for some seconds is what queues are for.
            look()
            lab.run(mx, f"postsuper -c {INSIDE} -h {identity}")
            look_again()
        finally:
            lab.run(mx, f"postsuper -c {INSIDE} -d {identity}")


def test_a_list_that_is_out(lab: Lab) -> None:
    mx = lab.exchanger.name
    with becomes(lab, mx, ("warning", "blocklists", "allow.rbl.test")) as look:
        lab.run(mx, "blocklists take-out allow.rbl.test --reason test", check=False)
        try:
            look()
        finally:
            lab.run(mx, "blocklists put-back allow.rbl.test", check=False)


def test_a_replica_whose_provider_is_silent(lab: Lab) -> None:
    provider, replica = (lab.inventory.machines(group)[0].name for group in ("directory_provider", "directory_replica"))
    late = ("warning", "directory", "replication")
    # Its ports and its directory are not asked while it is down.
    down = ("critical", "unit", "slapd.service")
    with becomes(lab, replica, late) as look, becomes(lab, provider, down) as look_there, stopped(lab, "slapd", [provider]):
        look()
        look_there()


@pytest.mark.parametrize(("days", "level"), [(-1, "critical"), (10, "warning"), (90, "fine")])
def test_a_certificate_in_a_scratch_directory(lab: Lab, days: int, level: str) -> None:
    """The service's own look, with a configuration of the test's."""
    script = f"""
        cd $(mktemp -d)
        openssl req -quiet -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=scratch -keyout key.pem -out cert.pem \\
            -not_before 20200101000000Z -not_after $(date -u -d '{days} days' +%Y%m%d%H%M%SZ)
        printf 'certificates = ["%s/cert.pem"]\\n' "$PWD" >status.toml
        status look --config "$PWD/status.toml"
        rm -rf "$PWD"
    """
    findings = json.loads(lab.run(lab.proxy.name, script))
    (found,) = [one for one in findings if one["check"] == "certificate"]
    assert found["level"] == level


def test_who_may_ask(lab: Lab) -> None:
    mx = lab.exchanger.name
    assert "may not ask" in lab.run(mx, "runuser -u nobody -- status", check=False)
    # What it may do is what the unit says, and systemd agrees that this is little.
    assert (
        float(lab.run(mx, "systemd-analyze security --no-pager posthouse-status@x.service | grep -Po 'exposure level.*: \\K[\\d.]+'")) < 5
    )
