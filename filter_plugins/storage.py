"""Filters of machines with disks of their own: mounts as units of systemd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = "# Posthouse: role storage. Changes here are undone by the next run.\n"
_SYSTEM = "/etc/systemd/system"
_ACTIVATION = "posthouse-storage.service"
# The device's job would else give up after 90 seconds; a shelf comes back when it comes back (systemd.unit(5), JobRunningTimeoutSec=).
_PATIENCE = f"{_HEAD}[Unit]\nJobRunningTimeoutSec=infinity\n"


def storage_unit_name(path: str, kind: str = "mount") -> str:
    """Return the name of the unit for a path, as systemd-escape(1) makes it: /var/spool/my-mail to var-spool-my\\x2dmail.mount."""
    parts = [part for part in str(path).split("/") if part]
    text = "/".join(parts)
    if not text:
        return f"-.{kind}"
    kept = "".join(_escaped(letter, first=not index) for index, letter in enumerate(text))
    return f"{kept}.{kind}"


def _escaped(letter: str, first: bool) -> str:
    if letter == "/":
        return "-"
    if (letter.isascii() and letter.isalnum()) or letter in ":_" or (letter == "." and not first):
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode())


def storage_mounts(volumes: Sequence[Mapping[str, Any]], mount: Sequence[str]) -> dict[str, str]:
    """Return the files that mount volumes, whenever something wants them: path to content.

    volumes: as storage_volumes of role storage. mount: options of those that name none.
    """
    files: dict[str, str] = {}
    for volume in volumes:
        node = f"/dev/{volume['group']}/{volume['name']}"
        options = ",".join([*(volume.get("mount", mount)), "_netdev", "nofail"])
        files[f"{_SYSTEM}/{storage_unit_name(volume['path'])}"] = (
            f"{_HEAD}[Unit]\nDescription=Volume {volume['name']} of group {volume['group']}\n"
            f"Requires={_ACTIVATION}\nAfter={_ACTIVATION}\n\n"
            f"[Mount]\nWhat={node}\nWhere={volume['path']}\nType=xfs\n"
            f"# Without nofail everything that is remote-fs.target would wait with it, people's logins too.\nOptions={options}\n"
            "# It may have to replay its log.\nTimeoutSec=180\n"
        )
        files[f"{_SYSTEM}/{storage_unit_name(node, 'device')}.d/posthouse-storage.conf"] = _PATIENCE
    return files


def storage_dependents(volumes: Sequence[Mapping[str, Any]], units: Sequence[str]) -> dict[str, str]:
    """Return the files by which a machine mounts volumes when it starts, and keeps units from running without them: path to content.

    volumes: as storage_volumes of role storage. units: what lives on them.
    """
    if not volumes:
        return {}
    paths = [str(volume["path"]) for volume in volumes]
    wanted = " ".join(storage_unit_name(path) for path in paths)
    apart = " ".join(f"--exclude-prefix={path}" for path in paths)
    files = {
        f"{_SYSTEM}/multi-user.target.d/posthouse-storage.conf": f"{_HEAD}[Unit]\nWants={wanted}\n",
        f"{_SYSTEM}/systemd-tmpfiles-setup.service.d/posthouse-storage.conf": (
            f"{_HEAD}# Early in the boot there is only the empty mount point, which nobody writes below.\n"
            f"[Service]\nExecStart=\nExecStart=systemd-tmpfiles --create --remove --boot --exclude-prefix=/dev {apart}\n"
        ),
    }
    for unit in units:
        files[f"{_SYSTEM}/{unit}.d/posthouse-storage.conf"] = (
            f"{_HEAD}# Never without its mounts: what it writes below them would be hidden later, and lost.\n"
            f"[Unit]\nRequiresMountsFor={' '.join(paths)}\n"
        )
    return files


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "storage_dependents": storage_dependents,
            "storage_mounts": storage_mounts,
            "storage_unit_name": storage_unit_name,
        }
