"""Mounts as units of systemd: names, options, and who waits for whom."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from filter_plugins.storage import storage_dependents, storage_mounts, storage_unit_name

HOME: dict[str, Any] = {"name": "home", "group": "mail", "path": "/mnt/home"}
QUEUE: dict[str, Any] = {"name": "queue", "group": "mail", "path": "/var/spool/postfix", "mount": ["noatime", "nosuid"]}
SYSTEM = "/etc/systemd/system"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/mnt/home", "mnt-home.mount"),
        ("/var/spool/my-mail/", "var-spool-my\\x2dmail.mount"),
        ("/srv/.hidden/Größe", "srv-.hidden-Gr\\xc3\\xb6\\xc3\\x9fe.mount"),
        ("/.a b", "\\x2ea\\x20b.mount"),
        ("/", "-.mount"),
    ],
)
def test_a_path_has_the_name_that_systemd_gives_it(path: str, name: str) -> None:
    assert storage_unit_name(path) == name
    if shutil.which("systemd-escape"):
        said = subprocess.run(["systemd-escape", "--path", "--suffix=mount", path], capture_output=True, text=True, check=True).stdout
        assert said.strip() == name


def test_a_mount_waits_for_the_groups_and_nobody_else_waits_for_it() -> None:
    files = storage_mounts([HOME, QUEUE], ["noatime", "nodev"])
    home = files[f"{SYSTEM}/mnt-home.mount"]
    assert "Requires=posthouse-storage.service\nAfter=posthouse-storage.service\n" in home
    assert "What=/dev/mail/home\nWhere=/mnt/home\nType=xfs\n" in home
    assert "\nOptions=noatime,nodev,_netdev,nofail\n" in home
    assert "\nOptions=noatime,nosuid,_netdev,nofail\n" in files[f"{SYSTEM}/var-spool-postfix.mount"]
    assert "JobRunningTimeoutSec=infinity" in files[f"{SYSTEM}/dev-mail-home.device.d/posthouse-storage.conf"]
    files = storage_dependents([HOME, QUEUE], [])
    assert "Wants=mnt-home.mount var-spool-postfix.mount\n" in files[f"{SYSTEM}/multi-user.target.d/posthouse-storage.conf"]


def test_what_lives_on_volumes_never_runs_without_them() -> None:
    files = storage_dependents([HOME, QUEUE], ["dovecot.service"])
    assert "RequiresMountsFor=/mnt/home /var/spool/postfix\n" in files[f"{SYSTEM}/dovecot.service.d/posthouse-storage.conf"]


def test_the_boot_makes_nothing_below_a_mount_point() -> None:
    said = storage_dependents([HOME], [])[f"{SYSTEM}/systemd-tmpfiles-setup.service.d/posthouse-storage.conf"]
    assert "ExecStart=\nExecStart=systemd-tmpfiles --create --remove --boot --exclude-prefix=/dev --exclude-prefix=/mnt/home\n" in said


def test_without_volumes_nobody_depends_on_any() -> None:
    assert storage_mounts([], []) == {}
    assert storage_dependents([], ["dovecot.service"]) == {}
