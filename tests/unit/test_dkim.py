"""The life of a selector: published, signing, retired, withdrawn; never earlier than it may be."""

from __future__ import annotations

import base64
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from filter_plugins.dkim import dkim_due, dkim_keys, dkim_signs
from module_utils import dkim

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DOMAINS = ["example.edu", "alumni.example.edu"]
WAITS = dkim.Waits(publish=86400, retire=604800, period=15552000)


def records(text: str = "v=DKIM1; p=x") -> dict[str, str]:
    return dict.fromkeys(DOMAINS, text)


def do(selectors: dkim.Selectors, now: datetime, confirmed: bool = True) -> tuple[dkim.Step, dkim.Selectors]:
    """The next step, carried out when it is due, else only told."""
    step = dkim.next_step(selectors, WAITS, now)
    if now < step.due:
        return step, selectors
    after = dkim.begin(selectors, step, records(), now)
    return step, dkim.confirm(after, now) if confirmed else after


def stages(selectors: dkim.Selectors) -> dict[str, str]:
    return {name: entry["stage"] if entry["records"] else "gone" for name, entry in selectors.items()}


def test_a_whole_life() -> None:
    step, selectors = do({}, START)
    assert (step.kind, stages(selectors)) == ("first", {"20261122": "signing"})

    now = START + timedelta(seconds=WAITS.period)
    step, selectors = do(selectors, now - timedelta(seconds=1))
    assert (step.kind, stages(selectors)) == ("publish", {"20261122": "signing"}), "before its time nothing happens"
    step, selectors = do(selectors, now)
    assert (step.kind, stages(selectors)) == ("publish", {"20261122": "signing", "20270521": "published"})

    step, selectors = do(selectors, now + timedelta(seconds=WAITS.publish - 1))
    assert (step.kind, stages(selectors)["20270521"]) == ("sign", "published")
    now += timedelta(seconds=WAITS.publish)
    step, selectors = do(selectors, now)
    assert (step.kind, stages(selectors)) == ("sign", {"20261122": "retired", "20270521": "signing"})
    assert selectors["20261122"]["records"], "what it signed may still be on its way"

    step, selectors = do(selectors, now + timedelta(seconds=WAITS.retire - 1))
    assert (step.kind, stages(selectors)["20261122"]) == ("withdraw", "retired")
    now += timedelta(seconds=WAITS.retire)
    step, selectors = do(selectors, now)
    assert (step.kind, stages(selectors)) == ("withdraw", {"20261122": "gone", "20270521": "signing"})
    assert do(selectors, now)[0].kind == "publish"


@pytest.mark.parametrize("kind", ["publish", "sign", "withdraw"])
def test_waiting_begins_when_the_last_machine_knows(kind: str) -> None:
    selectors: dkim.Selectors = {}
    now = START
    while True:
        now = max(now, dkim.next_step(selectors, WAITS, now).due)
        step = dkim.next_step(selectors, WAITS, now)
        before, (_, selectors) = selectors, do(selectors, now, confirmed=step.kind != kind)
        if step.kind == kind:
            break
    later = now + timedelta(days=3)
    again = dkim.next_step(selectors, WAITS, later)
    assert (again.kind, again.selector, again.repeated) == (kind, step.selector, True), "it is not done before everybody knows"
    assert dkim.begin(selectors, again, {}, later) == selectors
    confirmed = dkim.confirm(selectors, later)
    assert confirmed != before
    following = dkim.next_step(confirmed, WAITS, later)
    wait = {"publish": WAITS.publish, "sign": WAITS.retire, "withdraw": 0}[kind]
    assert following.repeated is False
    if kind != "withdraw":
        assert following.due == later + timedelta(seconds=wait)
    assert dkim.confirm(confirmed, later + timedelta(days=1)) == confirmed, "what is confirmed stays so"


def test_what_is_too_early_is_told_with_its_time() -> None:
    _, selectors = do({}, START)
    said = dkim.refusal(selectors, dkim.next_step(selectors, WAITS, START), WAITS)
    assert "20261122 signs since 2026-11-22T12:00:00+00:00" in said
    assert "2027-05-21 12:00:00 UTC" in said
    assert "dkim_now=true" in said
    now = START + timedelta(seconds=WAITS.period)
    _, selectors = do(selectors, now)
    said = dkim.refusal(selectors, dkim.next_step(selectors, WAITS, now), WAITS)
    assert said.startswith("Too early: 20270521 is in DNS since 2027-05-21T12:00:00+00:00, and until 2027-05-22 12:00:00 UTC")
    now += timedelta(seconds=WAITS.publish)
    _, selectors = do(selectors, now)
    said = dkim.refusal(selectors, dkim.next_step(selectors, WAITS, now), WAITS)
    assert said.startswith("Too early: 20261122 signs no more since 2027-05-22T12:00:00+00:00, but until 2027-05-29 12:00:00 UTC")


def test_names_are_never_used_twice() -> None:
    taken: dkim.Selectors = {}
    for _ in range(60):
        name = dkim.new_name(taken, START)
        assert name not in taken
        assert re.fullmatch(r"20261122[a-z]{0,2}", name)
        taken[name] = {"stage": "retired", "records": {}}
    taken = {dkim.new_name({}, START) + suffix: {} for suffix in ["", *map(chr, range(97, 123))]}
    for first in range(97, 123):
        taken |= {f"20261122{chr(first)}{chr(second)}": {} for second in range(97, 123)}
    with pytest.raises(dkim.Refused, match="has had all the selectors"):
        dkim.new_name(taken, START)


def test_a_domain_more_gets_the_records_and_a_domain_less_loses_them() -> None:
    _, selectors = do({}, START)
    selectors["20250101"] = {"stage": "retired", "records": {}}
    after = dkim.for_domains(selectors, ["example.edu", "example.org"])
    assert after["20261122"]["records"] == {"example.edu": "v=DKIM1; p=x", "example.org": "v=DKIM1; p=x"}
    assert after["20250101"]["records"] == {}


def test_key_and_record_belong_together(tmp_path: Path) -> None:
    record = dkim.make_key(str(tmp_path), "20261122")
    path = tmp_path / "20261122.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = load_der_public_key(base64.b64decode(record.partition("p=")[2]))
    assert isinstance(public, RSAPublicKey)
    assert public.key_size == 2048
    assert public == load_pem_private_key(path.read_bytes(), None).public_key()
    assert dkim.make_key(str(tmp_path), "20261122") == record, "a key that was made before the state was written is not lost"


def test_what_is_withdrawn_leaves_no_key_behind(tmp_path: Path) -> None:
    selectors: dkim.Selectors = {}
    now = START
    for _ in range(4):
        now = dkim.next_step(selectors, WAITS, now).due
        step = dkim.next_step(selectors, WAITS, now)
        if step.kind in ("first", "publish"):
            dkim.make_key(str(tmp_path), step.selector)
        selectors = dkim.begin(selectors, step, records(), now)
        dkim.write(str(tmp_path), selectors)
        selectors = dkim.confirm(selectors, now)
        dkim.write(str(tmp_path), selectors)
    assert dkim.read(str(tmp_path)) == selectors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20270521.key", "selectors.yml"]
    assert dkim_signs(str(tmp_path)) == "20270521"
    assert list(dkim_keys(str(tmp_path))) == ["20270521"]


def test_filters_without_a_selector(tmp_path: Path) -> None:
    assert dkim_signs(str(tmp_path), True) == "first"
    assert list(dkim_keys(str(tmp_path), True)) == ["first"]
    with pytest.raises(ValueError, match=r"site\.yml makes the first one"):
        dkim_signs(str(tmp_path))
    assert dkim_due(str(tmp_path), DOMAINS)
    dkim.write(str(tmp_path), {"20261122": {"stage": "signing", "records": records()}})
    assert not dkim_due(str(tmp_path), DOMAINS)
    assert dkim_due(str(tmp_path), [*DOMAINS, "example.org"])
    with pytest.raises(ValueError, match="cannot be read"):
        dkim_keys(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a list", "not a mapping"),
        ("a: [", "cannot be read"),
        ("'../../x': {stage: signing, records: {}}", "no selector of ours"),
        ("20261122: {stage: signing, records: {}}", "no selector of ours"),
        ("'20261122': {stage: sleeping, records: {}}", "has to have a stage"),
        ("'20261122': {stage: signing}", "has to have records"),
        ("{'20261122': {stage: signing, records: {}}, '20261123': {stage: signing, records: {}}}", "only one selector may be signing"),
    ],
)
def test_a_state_that_cannot_be(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "selectors.yml").write_text(text)
    with pytest.raises(ValueError, match=says):
        dkim.read(str(tmp_path))
