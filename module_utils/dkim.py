"""Keys that sign outgoing mail: which selector stands where in its life, and which step is due. The control node keeps them.

A selector is published, then signs, then is retired; a retired one stays in DNS until its records are withdrawn. A step is first written
down, then carried to the machines, then confirmed: waiting times count from the confirmation, so a machine that was away when the step was
carried out makes the next step wait, and no letter is signed with a key that somebody cannot find.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

STATE = "selectors.yml"
PUBLISHED, SIGNING, RETIRED = "published", "signing", "retired"
# RFC 8301 section 3.2: signers use 2048 bits at least; more does not fit into every answer of DNS.
BITS = 2048
_SELECTOR = re.compile(r"[0-9]{8}[a-z]*")
_HEAD = """\
# Selectors of DKIM and where they stand (docs/outgoing.md). Written by site.yml and rotate-dkim.yml; the keys lie beside it.
"""

Selectors = dict[str, dict[str, Any]]


class Refused(Exception):  # noqa: N818, because an operator reads it, and nothing has gone wrong
    """What was asked for cannot be done; the text says why, and when it can."""


@dataclass(frozen=True)
class Waits:
    """How long each stage lasts at least, in seconds."""

    publish: int
    retire: int
    period: int


@dataclass(frozen=True)
class Step:
    """A step in the life of a selector: publish, sign or withdraw. `repeated` when it was begun and not carried to every machine."""

    kind: str
    selector: str
    due: datetime
    repeated: bool = False


def read(directory: str) -> Selectors:
    """Read the selectors of a site, oldest first; none when there is no such file.

    Raises ValueError when the file says what cannot be.
    """
    path = Path(directory, STATE)
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(known, dict):
        raise ValueError(f"{path} is not a mapping of selectors")  # noqa: TRY004, because whoever asks handles one kind of fault
    for name, entry in known.items():
        if not isinstance(name, str) or not _SELECTOR.fullmatch(name):
            raise ValueError(f"{path}: {name!r} is no selector of ours (a date and letters)")
        if not isinstance(entry, dict) or entry.get("stage") not in (PUBLISHED, SIGNING, RETIRED):
            raise ValueError(f"{path}: {name} has to have a stage, which is {PUBLISHED}, {SIGNING} or {RETIRED}")
        if not isinstance(entry.get("records"), dict):
            raise ValueError(f"{path}: {name} has to have records, a mapping of domain to text")  # noqa: TRY004, because as above
    for stage in (PUBLISHED, SIGNING):
        if len(names := [name for name, entry in known.items() if entry["stage"] == stage]) > 1:
            raise ValueError(f"{path}: only one selector may be {stage}, not {' and '.join(names)}")
    return known


def of_stage(selectors: Selectors, stage: str) -> str:
    """Return the selector of a stage, or nothing; of retired ones, that whose records still stand."""
    return next((name for name, entry in selectors.items() if entry["stage"] == stage and entry["records"]), "")


def next_step(selectors: Selectors, waits: Waits, now: datetime) -> Step:
    """Return the next step and when it is due; a step that was not carried to every machine comes first."""
    leaving, waiting, signing = (of_stage(selectors, stage) for stage in (RETIRED, PUBLISHED, SIGNING))
    for name, entry in selectors.items():
        if entry.get("unconfirmed"):
            return Step(entry["unconfirmed"], name, now, repeated=True)
    if leaving:
        return Step("withdraw", leaving, _since(selectors, leaving, RETIRED) + timedelta(seconds=waits.retire))
    if waiting:
        return Step("sign", waiting, _since(selectors, waiting, PUBLISHED) + timedelta(seconds=waits.publish))
    if not signing:
        return Step("first", new_name(selectors, now), now)
    return Step("publish", new_name(selectors, now), _since(selectors, signing, SIGNING) + timedelta(seconds=waits.period))


def refusal(selectors: Selectors, step: Step, waits: Waits) -> str:
    """Say in a sentence why a step that is not due yet has to wait."""
    when = f"{step.due:%Y-%m-%d %H:%M:%S} UTC"
    if step.kind == "sign":
        return (
            f"Too early: {step.selector} is in DNS since {selectors[step.selector][PUBLISHED]}, and until {when} "
            f"a resolver may still believe that it is not there ({waits.publish} seconds). It signs from then on; nothing was changed."
        )
    if step.kind == "withdraw":
        return (
            f"Too early: {step.selector} signs no more since {selectors[step.selector][RETIRED]}, but until {when} a letter that it signed "
            f"may still wait in a queue ({waits.retire} seconds). Its record is withdrawn from then on; nothing was changed."
        )
    signing = of_stage(selectors, SIGNING)
    return (
        f"Not due: {signing} signs since {selectors[signing][SIGNING]}, and its successor is published from {when} on. "
        "To change keys sooner say --extra-vars dkim_now=true; nothing was changed."
    )


def _since(selectors: Selectors, name: str, stage: str) -> datetime:
    return datetime.fromisoformat(str(selectors[name][stage]))


def new_name(selectors: Selectors, now: datetime) -> str:
    """Return a selector that was never used: the day, and a letter when the day has one already."""
    day = f"{now:%Y%m%d}"
    for number in range(26 * 26):
        suffix = "" if number == 0 else chr(96 + number) if number < 27 else chr(96 + number // 26) + chr(97 + number % 26)
        if day + suffix not in selectors:
            return day + suffix
    raise Refused(f"{day} has had all the selectors that a day can have.")


def begin(selectors: Selectors, step: Step, records: dict[str, str], now: datetime) -> Selectors:
    """Return the selectors as they are when a step was begun. records: of the new selector, by domain."""
    after = {name: dict(entry) for name, entry in selectors.items()}
    stamp = _stamp(now)
    if step.kind == "first":
        # Nothing could sign before it, so it signs at once; name servers come before signers in site.yml.
        after[step.selector] = {"stage": SIGNING, "records": records, PUBLISHED: stamp, SIGNING: stamp}
    elif step.repeated:
        pass
    elif step.kind == "publish":
        after[step.selector] = {"stage": PUBLISHED, "records": records, PUBLISHED: stamp, "unconfirmed": "publish"}
    elif step.kind == "sign":
        after[of_stage(after, SIGNING)].update({"stage": RETIRED, RETIRED: stamp})
        after[step.selector].update({"stage": SIGNING, SIGNING: stamp, "unconfirmed": "sign"})
    else:
        after[step.selector].update({"records": {}, "withdrawn": stamp, "unconfirmed": "withdraw"})
    return after


def confirm(selectors: Selectors, now: datetime) -> Selectors:
    """Return the selectors as they are when every machine has done what was begun: waiting times count from now."""
    after = {name: dict(entry) for name, entry in selectors.items()}
    for name, entry in after.items():
        kind = entry.pop("unconfirmed", "")
        if kind == "publish":
            entry[PUBLISHED] = _stamp(now)
        elif kind == "sign":
            entry[SIGNING] = _stamp(now)
            leaving = of_stage({other: one for other, one in after.items() if other != name}, RETIRED)
            if leaving:
                after[leaving][RETIRED] = _stamp(now)
        elif kind == "withdraw":
            entry["withdrawn"] = _stamp(now)
    return after


def for_domains(selectors: Selectors, domains: Iterable[str]) -> Selectors:
    """Return the selectors with records for exactly these domains, as far as they have any; one key signs for all of them."""
    names = list(domains)
    return {
        name: {**entry, "records": dict.fromkeys(names, next(iter(entry["records"].values()))) if entry["records"] else {}}
        for name, entry in selectors.items()
    }


def make_key(directory: str, selector: str) -> str:
    """Make a selector's private key, for its owner alone, and return its record. A key that lies there already is used."""
    path = Path(directory, f"{selector}.key")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; h=sha256; p={base64.b64encode(public).decode()}"


def write(directory: str, selectors: Selectors) -> None:
    """Write the selectors down, whole or not at all, and throw away keys of those that are withdrawn."""
    text = _HEAD + yaml.safe_dump(selectors, sort_keys=False, width=1000)
    _write(Path(directory, STATE), text.encode(), 0o644)
    for name, entry in selectors.items():
        if not entry["records"] and not entry.get("unconfirmed"):
            Path(directory, f"{name}.key").unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as out:
        os.fchmod(handle, mode)
        out.write(content)
        out.flush()
        os.fsync(handle)
    Path(name).replace(path)


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
