"""Filters that hand our own services to the machines that run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_SERVICES = Path(__file__).resolve().parents[1] / "services"
#: The package that several services use; it goes beside each that imports it (docs/decisions/0006).
_SHARED = "posthouse"
_IMPORTS_SHARED = re.compile(rf"^\s*(?:from|import) {_SHARED}\b", re.MULTILINE)


def service_files(name: str, directory: str) -> dict[str, str]:
    """Return the modules of a service, its SQL, and what it shares with other services, as files: path on the machine to content.

    name: the service's directory below services/, which holds a package of the same name. directory: where the package goes.
    Raises ValueError when there is no such service.
    """
    package = _SERVICES / str(name) / str(name)
    found = sorted(path for kind in ("*.py", "*.sql") for path in package.rglob(kind))
    files = {f"{directory}/{path.relative_to(package.parent)}": path.read_text(encoding="utf-8") for path in found}
    if not files:
        raise ValueError(f"there is no service {name}: services/{name}/{name} holds no module")
    if name != _SHARED and any(map(_IMPORTS_SHARED.search, files.values())):
        files |= service_files(_SHARED, directory)
    return files


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"service_files": service_files}
