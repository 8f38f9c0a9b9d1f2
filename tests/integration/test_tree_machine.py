"""The tree task as roles use it, through ansible-playbook, against a real Debian 13 machine that may be thrown away.

Runs when POSTHOUSE_MACHINE names one: an inventory line, e.g. "10.144.0.20 ansible_user=root ansible_ssh_private_key_file=/root/key".
The tests build on each other, as the days of a machine do, and run in the order in which they stand here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = os.environ.get("POSTHOUSE_MACHINE", "")

pytestmark = [pytest.mark.skipif(not MACHINE, reason="POSTHOUSE_MACHINE names no machine that may be thrown away"), pytest.mark.slow]

SERVICE = """\
[Unit]
Description=A service that reads its file once
[Service]
ExecStart=/bin/sh -c '. /etc/posthouse-demo/demo.conf; cat /etc/posthouse-demo/secret; exec sleep $SECONDS_TO_SLEEP'
[Install]
WantedBy=multi-user.target
"""
ROLE: dict[str, str] = {
    "etc/posthouse-demo/demo.conf": "# of {{ inventory_hostname }}\nSECONDS_TO_SLEEP={{ seconds }}\n",
    "etc/posthouse-demo/secret": "password {{ secret }}\n",
    "etc/posthouse-demo/absent": "{% if false %}never{% endif %}\n",
    "etc/systemd/system/posthouse-demo.service": SERVICE,
    "etc/sysusers.d/posthouse-demo.conf": 'u posthouse-demo - "Demo" /var/lib/posthouse-demo\n',
    "etc/tmpfiles.d/posthouse-demo.conf": "d /var/lib/posthouse-demo 0750 posthouse-demo posthouse-demo -\n",
}
TASK: dict[str, Any] = {
    "packages": ["bsdextrautils", "cron"],
    "attributes": {"/etc/posthouse-demo/secret": {"group": "posthouse-demo", "mode": "0640", "secret": True}},
    "verify": ["grep -rq SECONDS_TO_SLEEP=[0-9i] /etc/posthouse-demo/demo.conf"],
    "commands": [{"name": "index", "run": "cp /etc/posthouse-demo/demo.conf /var/lib/posthouse-demo.index", "on": ["/etc/posthouse-demo"]}],
    "units": [{"name": "posthouse-demo", "restart": ["/etc/posthouse-demo"]}, {"name": "cron", "reload": ["/etc/posthouse-demo"]}],
}


class Operator:
    """Runs a play with one role against the machine."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.inventory = home / "hosts"
        self.inventory.write_text(f"machine ansible_host={MACHINE} ansible_ssh_common_args='-o StrictHostKeyChecking=no'\n")

    def run(self, *options: str, task: dict[str, Any] = TASK, files: dict[str, str] = ROLE, **variables: Any) -> dict[str, Any]:
        role = self.home / "roles/demo"
        for old in sorted((role / "templates").rglob("*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
        for name, text in files.items():
            (role / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
            (role / "templates" / name).write_text(text)
        (role / "tasks").mkdir(parents=True, exist_ok=True)
        (role / "tasks/main.yml").write_text(json.dumps([{"name": "Tree", "tree": task}]))
        play = [
            {
                "hosts": "all",
                "gather_facts": False,
                "roles": ["demo"],
                "vars": {"seconds": "infinity", "secret": "hunter2-xyz", **variables},
            }
        ]
        (self.home / "play.yml").write_text(json.dumps(play))
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(self.inventory),
            str(self.home / "play.yml"),
            *options,
        ]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(self.home / "roles"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)
        self.said = done.stdout + done.stderr
        shown = json.loads(done.stdout[done.stdout.index("{\n") :])
        result: dict[str, Any] = shown["plays"][0]["tasks"][0]["hosts"]["machine"]
        return result

    def on_machine(self, command: str) -> str:
        """Return what a command prints on the machine; raise when it fails."""
        argv = [str(Path(sys.executable).with_name("ansible")), "all", "-i", str(self.inventory), "-m", "raw", "-a", command]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
        # ssh says good-bye on the terminal that raw asks for.
        lines = [line.strip() for line in done.stdout.partition(">>\n")[2].splitlines()]
        return "\n".join(line for line in lines if line and not line.startswith("Shared connection"))


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(tmp_path_factory.mktemp("operator"))


def test_check_mode_on_a_bare_machine_predicts_everything_and_changes_nothing(operator: Operator) -> None:
    operator.on_machine(
        "apt-get -qq purge cron bsdextrautils >/dev/null 2>&1; userdel posthouse-demo; "
        "rm -rf /var/lib/posthouse* /var/cache/posthouse /etc/posthouse-demo; true"
    )
    result = operator.run("--check", "--diff")
    assert result["packages"] == ["bsdextrautils", "cron"]
    assert result["accounts"] == ["posthouse-demo"]
    assert result["units"] == {"posthouse-demo.service": ["enable", "start"], "cron.service": ["enable", "start"]}
    assert "/var/lib/posthouse-demo" in result["paths"]
    assert "hunter2" not in operator.said
    assert operator.on_machine("ls -d /etc/posthouse-demo /var/lib/posthouse /var/cache/posthouse 2>/dev/null | wc -l") == "0"


def test_builds_it_and_the_second_run_has_nothing_to_do(operator: Operator) -> None:
    result = operator.run()
    assert result["changed"], operator.said
    assert result["commands"] == ["index"]
    assert operator.on_machine("systemctl is-active posthouse-demo cron").split() == ["active", "active"]
    assert operator.on_machine("systemctl is-enabled posthouse-demo") == "enabled"
    assert operator.on_machine("stat -c '%U:%G %a' /etc/posthouse-demo/secret") == "root:posthouse-demo 640"
    assert operator.on_machine("stat -c '%U:%G %a' /var/lib/posthouse-demo") == "posthouse-demo:posthouse-demo 750"
    assert operator.on_machine("ls /etc/posthouse-demo | wc -l") == "2"
    assert operator.on_machine("ls /usr/sbin/policy-rc.d 2>/dev/null | wc -l") == "0"
    again = operator.run("-vvv")
    assert not again["changed"], again
    assert "hunter2" not in operator.said


@pytest.mark.parametrize(
    ("drift", "where", "expected"),
    [
        ("chmod 666 /etc/posthouse-demo/secret", "paths", ["/etc/posthouse-demo/secret"]),
        ("chown daemon /var/lib/posthouse-demo", "paths", ["/var/lib/posthouse-demo"]),
        ("systemctl stop posthouse-demo", "units", {"posthouse-demo.service": ["start"]}),
        ("systemctl disable -q posthouse-demo", "units", {"posthouse-demo.service": ["enable"]}),
        ("apt-get -qq remove bsdextrautils >/dev/null", "packages", ["bsdextrautils"]),
    ],
)
def test_finds_drift_and_puts_only_that_right(operator: Operator, drift: str, where: str, expected: Any) -> None:
    operator.on_machine(drift)
    result = operator.run()
    found = {key: value for key in ("msg", "paths", "units", "packages", "commands", "accounts") if (value := result.get(key))}
    assert found == {where: expected}
    assert not operator.run()["changed"]


def test_a_changed_file_restarts_and_reloads_who_depends_on_it(operator: Operator) -> None:
    before = operator.on_machine("systemctl show -P MainPID posthouse-demo")
    result = operator.run(seconds="9999")
    assert result["units"] == {"posthouse-demo.service": ["restart"], "cron.service": ["reload-or-restart"]}
    assert operator.on_machine("systemctl show -P MainPID posthouse-demo") != before
    assert not operator.run(seconds="9999")["changed"]


def test_verify_puts_everything_back_and_hides_the_secret_it_printed(operator: Operator) -> None:
    verify = ["sh -c 'grep -r . /etc/posthouse-demo; exit 1'"]
    result = operator.run(task={**TASK, "verify": verify}, seconds="77", secret="changed-secret")
    assert result["failed"]
    assert "SECONDS_TO_SLEEP=77" in result["msg"]
    assert "changed-secret" not in operator.said
    assert min(result["restored"]) == "/etc/posthouse-demo/demo.conf"
    assert operator.on_machine("grep -c 9999 /etc/posthouse-demo/demo.conf") == "1"
    assert operator.run(seconds="9999")["changed"] is False


def test_a_service_that_dies_fails_with_its_own_words_without_the_secret_and_is_owed(operator: Operator) -> None:
    result = operator.run(seconds="illegal")
    assert result["failed"]
    assert "invalid time interval" in result["msg"]
    assert "password (secret)" in result["msg"]
    assert "hunter2" not in operator.said
    operator.on_machine("sed -i s/illegal/4444/ /etc/posthouse-demo/demo.conf")
    assert operator.run(seconds="4444")["units"]["posthouse-demo.service"] in (["restart"], ["start"])
    assert not operator.run(seconds="4444")["changed"]


def test_a_run_killed_before_its_restart_is_completed_by_the_next(operator: Operator) -> None:
    killer = {**TASK, "commands": [{"name": "power cut", "run": "sh -c 'kill -9 $PPID'", "on": ["/etc/posthouse-demo"]}]}
    assert "did not answer" in operator.run(task=killer, seconds="5555")["msg"]
    assert operator.on_machine("cat /etc/posthouse-demo/demo.conf | tail -1") == "SECONDS_TO_SLEEP=5555"
    result = operator.run(seconds="5555")
    assert result["paths"] == []
    assert result["units"]["posthouse-demo.service"] == ["restart"]


def test_a_package_that_does_not_exist_is_named_and_services_may_start_again(operator: Operator) -> None:
    result = operator.run(task={**TASK, "packages": ["cron", "no-such-package"]}, seconds="5555")
    assert "no-such-package" in result["msg"]
    assert operator.on_machine("ls /usr/sbin/policy-rc.d 2>/dev/null | wc -l") == "0"


def test_what_an_interrupted_dpkg_left_is_finished_first(operator: Operator) -> None:
    operator.on_machine("apt-get -qq remove bsdextrautils >/dev/null; touch /var/lib/dpkg/updates/0000")
    assert operator.run(seconds="5555")["packages"] == ["bsdextrautils"]
    assert operator.on_machine("ls /var/lib/dpkg/updates | wc -l") == "0"


def test_writes_in_place_where_nothing_can_be_renamed(operator: Operator) -> None:
    operator.on_machine(": > /root/below; touch /etc/posthouse-mounted && mount --bind /root/below /etc/posthouse-mounted")
    try:
        files = {**ROLE, "etc/posthouse-mounted": "new\n"}
        assert operator.run(files=files, seconds="5555")["paths"] == ["/etc/posthouse-mounted"]
        assert operator.on_machine("cat /root/below") == "new"
        assert not operator.run(files=files, seconds="5555")["changed"]
    finally:
        operator.on_machine("umount /etc/posthouse-mounted")
    operator.run(seconds="5555")
    assert operator.on_machine("ls /etc/posthouse-mounted 2>/dev/null | wc -l") == "0"


def test_a_mistake_in_a_template_names_the_line_and_sends_nothing(operator: Operator) -> None:
    result = operator.run(files={**ROLE, "etc/posthouse-demo/new.conf": "one\n{% if true %}\nthree {{ secnods }}\n{% endif %}\n"})
    assert "templates/etc/posthouse-demo/new.conf line 3" in result["msg"]
    assert "did you mean seconds?" in result["msg"]
    assert operator.on_machine("tail -1 /etc/posthouse-demo/demo.conf") == "SECONDS_TO_SLEEP=5555"


def test_a_role_that_ships_nothing_any_more_leaves_nothing_behind(operator: Operator) -> None:
    result = operator.run(task={"source": ""})
    assert result["units"] == {"posthouse-demo.service": ["disable --now"]}
    assert operator.on_machine("ls -d /etc/posthouse-demo /etc/systemd/system/posthouse-demo.service 2>/dev/null | wc -l") == "0"
    assert operator.on_machine("systemctl show -P LoadState posthouse-demo") == "not-found"
    assert not operator.run(task={"source": ""})["changed"]


def test_the_machine_logged_no_secret(operator: Operator) -> None:
    said = operator.on_machine("journalctl --no-pager | grep -v ' sh.*: password ' | grep -v ' cat.*: password ' | grep -c hunter2 || true")
    assert said == "0"
