"""Filters that look into the cluster's certificates, which the control node keeps.

They only read: a run in which nothing is due costs no task, for the answer is found while a condition is evaluated.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)


def authority_due(directory: str, domains: Iterable[str]) -> list[str]:
    """Say why the cluster's authority has to be made or renewed; nothing when it is good.

    directory: where ca.pem and ca.key are. domains: for which it has to be allowed to sign.
    """
    from module_utils import certificates  # noqa: PLC0415  15 ms that tasks with other filters need not wait

    return certificates.authority_due(directory, domains)


def certificate_due(directory: str, name: str, names: Iterable[str], domains: Iterable[str], days: int) -> list[str]:
    """Say why a machine's certificate has to be issued; nothing when it is good.

    directory: where <name>.pem, <name>.key and the authority are. names: those the certificate has to carry.
    domains: as for authority_due. days: renew when fewer are left.
    """
    from module_utils import certificates  # noqa: PLC0415  as above

    return certificates.certificate_due(directory, name, names, domains, days)


def pki_file(directory: str, name: str, predict: bool = False) -> str:
    """Read a file of the authority's directory.

    predict: in check mode the file may not have been made yet; a line that says so stands for it then.
    Returns the text without its last line end. Raises ValueError when it cannot be read.
    """
    try:
        return Path(directory, name).read_text(encoding="ascii").rstrip("\n")
    except FileNotFoundError:
        if predict:
            return f"(the next run that may change things issues {name})"
        raise ValueError(f"{directory}/{name} is missing: the role base makes it, so run the whole play of the machine") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{directory}/{name} cannot be read: {error}") from error


def authority_files(paths: Iterable[str], predict: bool = False) -> dict[str, str]:
    """Return certificates of further authorities as files for update-ca-certificates(8): path on the machine to content.

    paths: of the certificates on the control node, of different names. predict: as for pki_file.
    Raises ValueError when one cannot be read, or two would be one file.
    """
    files: dict[str, str] = {}
    for path in map(Path, paths):
        if not path.exists() and not predict:
            raise ValueError(f"{path} is missing: the inventory names it as an authority to trust")
        target = f"/usr/local/share/ca-certificates/{path.parent.name}-{path.stem}.crt"
        if target in files:
            raise ValueError(f"{path}: there is another authority of this name")
        files[target] = pki_file(str(path.parent), path.name, predict) + "\n"
    return files


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "authority_files": authority_files,
            "authority_due": authority_due,
            "certificate_due": certificate_due,
            "pki_file": pki_file,
        }
