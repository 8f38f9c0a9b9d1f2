"""Filters for machines that keep backups."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)


def backup_sources(
    machines: Iterable[Mapping[str, str]], directory: str, standbys: Iterable[Mapping[str, str]] = ()
) -> list[dict[str, Any]]:
    """Say of each machine by which addresses and by which key it is known.

    machines: as cluster_members describes them. directory: the authority's, where <name>.pem is. standbys: machines that may run each of
    them, with its certificate.
    Returns fqdn, addresses and key: the SHA-256 fingerprint of the public key in its certificate as Postfix writes it, empty for a
    machine that has no certificate yet: it could not come anyway.
    """
    from module_utils import certificates  # noqa: PLC0415  15 ms that tasks with other filters need not wait

    standbys = list(standbys)
    return [
        {
            "fqdn": one["fqdn"],
            "addresses": [place[family] for place in (one, *standbys) for family in ("address", "address6") if place.get(family)],
            "key": certificates.key_fingerprint(directory, one["name"]),
        }
        for one in machines
    ]


def backup_storage_key(secret: str) -> dict[str, str]:
    """Make the key pair of a storage from the site's secret: always the same, so that a new machine reads an old one's disk.

    secret: at least 16 characters, generated. Returns private (PKCS 8) and public, both PEM, of the curve that OpenSSL calls prime256v1.
    Raises ValueError when the secret is short.
    """
    from module_utils import storage_key  # noqa: PLC0415  as above

    return storage_key.pair(secret)


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"backup_sources": backup_sources, "backup_storage_key": backup_storage_key}
