"""Filters that read what the control node keeps and DNS tells: keys of zones, of servers, and of letters.

They only read; what is missing is made before any zone is rendered (playbooks/site.yml).
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)


def dnssec_missing(directory: str, zones: Iterable[str]) -> list[str]:
    """Name the zones that have no key in the directory."""
    from module_utils.zones import keys  # noqa: PLC0415  it loads cryptography, which tasks with other filters need not wait for

    return keys.missing(directory, zones)


def dnssec_delegations(directory: str, zones: Iterable[str]) -> dict[str, list[str]]:
    """Say what parents have to know of zones: zone -> data of its DS records, none for a zone without a key."""
    from module_utils.zones import keys  # noqa: PLC0415  as above

    return {zone: [keys.delegation(zone, key) for key in keys.load(directory, zone)] for zone in zones}


def dnssec_key_files(zones: Iterable[str], directory: str, target: str, predict: bool = False) -> dict[str, str]:
    """Write the keys of zones as named reads them: path below the target -> content, which is secret; successors below its next/.

    directory: where they lie on the control node. predict: in check mode they may not have been made yet; they are left out then.
    Raises ValueError for a zone without a key.
    """
    from module_utils.zones import keys  # noqa: PLC0415  as above

    zones = list(zones)
    if not predict and (without := keys.missing(directory, zones)):
        raise ValueError(
            f"{directory} has no key of {', '.join(without)}: run playbooks/site.yml without --tags, or restore it (docs/dns.md)"
        )
    return {
        f"{target}/{folder}{name}": text
        for zone in zones
        for folder, key in zip(("", "next/"), keys.load(directory, zone), strict=False)
        for name, text in keys.files(zone, key).items()
    }


def dnssec_key_attributes(files: Iterable[str]) -> dict[str, dict[str, bool]]:
    """Say of each path that its content is shown to nobody."""
    return {path: {"secret": True} for path in files}


def dnssec_report(directory: str, statuses: Mapping[str, str]) -> list[str]:
    """Say for each key of each zone which DS record its parent needs, and how far the key is.

    directory: where keys are. statuses: zone -> what `rndc dnssec -status` printed.
    """
    report = []
    for zone, told in dnssec_delegations(directory, statuses).items():
        for data in told:
            tag = data.split()[0]
            block = re.search(rf"^key: {tag} .*?(?=^key: |\Z)", statuses[zone], re.MULTILINE | re.DOTALL)
            states = dict(re.findall(r"^ +- ([\w ]+):\s+(\w+)$", block[0] if block else "", re.MULTILINE))
            how_far = ", ".join(f"{what} {states[what]}" for what in ("goal", "dnskey", "ds") if what in states) or "not used"
            report.append(f"{zone}. IN DS {data}    ; {how_far}")
    return report


def dnssec_from_private(text: str) -> str:
    """Write a key as PEM that named kept in a file K*.private."""
    from module_utils.zones import keys  # noqa: PLC0415  as above

    return keys.from_private(text)


def pki_missing(directory: str, machines: Iterable[str]) -> list[str]:
    """Name the machines that have no certificate of their key in the authority's directory, or no key."""
    return [name for name in machines if not _certified(Path(directory, f"{name}.pem"), Path(directory, f"{name}.key"))]


def _certified(certificate: Path, key: Path) -> bool:
    from cryptography import x509  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  as above

    if not (certificate.exists() and key.exists()):
        return False
    try:
        held = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        return held == load_pem_private_key(key.read_bytes(), None).public_key()
    except ValueError:
        return False


def pki_digests(directory: str, machines: Iterable[str]) -> dict[str, list[str]]:
    """Digest the public keys of machines' certificates, as TLSA records with selector 1 and matching type 1 hold them (RFC 6698, 2.1).

    directory: where <name>.pem is, and <name>.next.key, the private key that a machine is about to change to.
    Returns machine -> digests in hexadecimal; none where there is no certificate yet.
    """
    from cryptography import x509  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key  # noqa: PLC0415  as above

    found: dict[str, list[str]] = {}
    for name in machines:
        certificate, successor = Path(directory, f"{name}.pem"), Path(directory, f"{name}.next.key")
        public: list[Any] = [x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()] if certificate.exists() else []
        if public and successor.exists():
            public.append(load_pem_private_key(successor.read_bytes(), None).public_key())
        found[name] = [hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest() for key in public]
    return found


def dkim_records(directory: str) -> list[dict[str, str]]:
    """Read the records of keys that sign letters: what stands in selectors.yml, whatever its stage; none when there is no such file.

    directory: where it is. Returns records with full names (RFC 6376 section 3.6.2.1). Raises ValueError for a file of another shape.
    """
    import yaml  # noqa: PLC0415  as above

    file = Path(directory, "selectors.yml")
    if not file.exists():
        return []
    selectors = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if not isinstance(selectors, Mapping) or not all(isinstance(selector, Mapping) for selector in selectors.values()):
        raise ValueError(f"{file} is no mapping of selectors")
    return [
        {"name": f"{selector}._domainkey.{domain}", "type": "TXT", "value": str(text)}
        for selector, values in sorted(selectors.items())
        for domain, text in sorted((values.get("records") or {}).items())
    ]


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "dkim_records": dkim_records,
            "dnssec_delegations": dnssec_delegations,
            "dnssec_from_private": dnssec_from_private,
            "dnssec_key_attributes": dnssec_key_attributes,
            "dnssec_key_files": dnssec_key_files,
            "dnssec_missing": dnssec_missing,
            "dnssec_report": dnssec_report,
            "pki_digests": pki_digests,
            "pki_missing": pki_missing,
        }
