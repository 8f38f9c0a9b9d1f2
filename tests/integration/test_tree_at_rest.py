"""One look at a machine for all tree tasks of a run: what it must never miss, on a real Debian 13 machine that may be thrown away.

Needs POSTHOUSE_MACHINE as test_tree_machine.py does. Three roles, `one`, `two` and `three`; the service of `two` follows a file of `one`.
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

SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
UNITS = [{"name": "posthouse-two", "restart": ["/etc/posthouse-one", "/etc/posthouse-two"]}]
KILLER = [{"name": "power cut", "run": "sh -c 'kill -9 $PPID'", "on": ["/etc/posthouse-two"]}]
TREES: dict[str, dict[str, Any]] = {
    "one": {"files": {"/etc/posthouse-one/one.conf": "{{ one_word }}\n"}},
    "two": {
        "files": {"/etc/posthouse-two/two.conf": "{{ two_word }}\n", "/etc/systemd/system/posthouse-two.service": SERVICE},
        "verify": ["grep -q w /etc/posthouse-two/two.conf"],
        "units": UNITS,
    },
    "three": {
        "packages": ["bsdextrautils"],
        "files": {"/etc/posthouse-three": "three\n"},
        "attributes": {"/etc/posthouse-three": {"secret": True}},
    },
}
OPTION = {"argument_specs": {"main": {"options": {"two_word": {"type": "str", "description": "A word.", "choices": ["word", "new word"]}}}}}


class Site:
    """Runs the three roles against the machine, with something in between if one likes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        line = f"ansible_host={MACHINE} ansible_ssh_common_args='-o StrictHostKeyChecking=no'\n"
        # The same machine under another name: what is done there is done behind Ansible's back.
        (home / "hosts").write_text(f"machine {line}outsider {line}")

    def run(
        self, *options: str, between: str = "", by: str = "machine", two: dict[str, Any] | None = None, **settings: str
    ) -> dict[str, Any]:
        """Return role → result of its tree. between: a command that `by` runs after `one`. settings: variables and environment."""
        for name, task in {**TREES, "two": {**TREES["two"], **(two or {})}}.items():
            for directory in ("tasks", "meta"):
                (self.home / "roles" / name / directory).mkdir(parents=True, exist_ok=True)
            (self.home / "roles" / name / "tasks/main.yml").write_text(json.dumps([{"name": name, "tree": {"source": "", **task}}]))
        (self.home / "roles/two/meta/argument_specs.yml").write_text(json.dumps(OPTION))
        words = {"one_word": "word", "two_word": "word", **{key: value for key, value in settings.items() if key.islower()}}
        play: dict[str, Any] = {"hosts": "machine", "gather_facts": False, "vars": words}
        meanwhile = [{"name": "between", "ansible.builtin.raw": between, "changed_when": False}] if between else []
        plays = [{**play, "roles": ["one"]}, {**play, "hosts": by, "tasks": meanwhile}, {**play, "roles": ["two", "three"]}]
        (self.home / "play.yml").write_text(json.dumps(plays))
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(self.home / "roles"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            **{key: value for key, value in settings.items() if key.isupper()},
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(self.home / "hosts"), str(self.home / "play.yml"), *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)
        self.said = done.stdout + done.stderr
        shown = json.loads(done.stdout[done.stdout.index("{\n") :])
        tasks = [task for play in shown["plays"] for task in play["tasks"]]
        return {name: task["hosts"]["machine"] for task in tasks if (name := task["task"]["name"].rpartition(" : ")[2]) in TREES}

    def on_machine(self, command: str) -> str:
        argv = [str(Path(sys.executable).with_name("ansible")), "machine", "-i", str(self.home / "hosts"), "-m", "raw", "-a", command]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
        lines = [line.strip() for line in done.stdout.partition(">>\n")[2].splitlines()]
        return "\n".join(line for line in lines if line and not line.startswith("Shared connection"))


def changed(results: dict[str, Any]) -> list[str]:
    """Return the roles whose trees changed something, or would."""
    return [name for name, result in results.items() if result["changed"]]


def lookers(results: dict[str, Any]) -> list[str]:
    """Return the roles whose tasks looked at the machine and found nothing to do; the others that changed nothing took their word."""
    return [name for name, result in results.items() if "at_rest" in result]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_the_first_run_makes_everything_and_in_the_second_only_the_first_task_looks(site: Site) -> None:
    retire(site)
    assert changed(site.run()) == ["one", "two", "three"], site.said
    for options in ((), ("--check",), ()):
        again = site.run(*options)
        assert changed(again) == [], site.said
        assert lookers(again) == ["one"]
        assert {"two", "three"} <= set(again["one"]["at_rest"])


@pytest.mark.parametrize(
    ("drift", "where"),
    [
        ("echo drift > /etc/posthouse-one/one.conf", "one"),
        ("echo drift > /etc/posthouse-two/two.conf", "two"),
        ("chmod 666 /etc/posthouse-three", "three"),
        ("chown daemon /etc/posthouse-three", "three"),
        ("systemctl stop posthouse-two", "two"),
        ("systemctl disable -q posthouse-two", "two"),
        ("apt-get -qq remove bsdextrautils >/dev/null", "three"),
    ],
)
def test_drift_of_any_tree_is_found_and_put_right_in_the_next_run(site: Site, drift: str, where: str) -> None:
    site.on_machine(drift)
    predicted, found = site.run("--check"), site.run()
    assert where in changed(predicted)
    assert where in changed(found)
    assert changed(site.run()) == []


def test_drift_that_a_task_of_the_run_makes_is_found_in_the_same_run(site: Site) -> None:
    found = site.run(between="echo drift > /etc/posthouse-two/two.conf")
    assert changed(found) == ["two"]
    assert changed(site.run()) == []


def test_drift_that_somebody_else_makes_meanwhile_is_found_in_the_next_run(site: Site) -> None:
    assert changed(site.run(between="echo drift > /etc/posthouse-three", by="outsider")) == []
    assert changed(site.run()) == ["three"]
    assert site.on_machine("cat /etc/posthouse-three") == "three"


def test_who_depends_on_a_file_that_changed_in_this_run_is_restarted_in_this_run(site: Site) -> None:
    result = site.run(one_word="new word")
    assert changed(result) == ["one", "two"]
    assert result["two"]["units"] == {"posthouse-two.service": ["restart"]}
    assert site.on_machine("cat /etc/posthouse-one/one.conf") == "new word"
    assert lookers(site.run(one_word="new word")) == ["one"]
    assert changed(site.run()) == ["one", "two"]


def test_only_the_role_whose_variables_changed_looks_itself(site: Site) -> None:
    assert changed(site.run(two_word="new word")) == ["two"]
    assert changed(site.run()) == ["two"]


def test_what_a_killed_run_owes_is_seen_from_the_other_trees_too(site: Site) -> None:
    assert "did not answer" in site.run(two={"commands": KILLER}, two_word="new word")["two"]["msg"]
    result = site.run(two_word="new word")
    assert "two" not in result["one"]["at_rest"]
    assert result["two"]["paths"] == []
    assert result["two"]["units"] == {"posthouse-two.service": ["restart"]}
    assert changed(site.run()) == ["two"]
    assert lookers(site.run()) == ["one"]


def test_wrong_arguments_are_refused_before_anything_is_done(site: Site) -> None:
    refused = site.run(two_word="wrong word")
    assert "two_word" in refused["two"]["msg"]
    assert "Validation of arguments failed" in refused["two"]["msg"]
    assert site.on_machine("cat /etc/posthouse-two/two.conf") == "word"


def test_without_the_callbacks_every_task_looks_and_validation_has_its_own(site: Site) -> None:
    assert lookers(site.run(ANSIBLE_CALLBACK_PLUGINS=str(site.home))) == ["one", "two", "three"]
    assert "Validating arguments" in site.said


def test_leave_nothing_behind(site: Site) -> None:
    retire(site)
    assert site.on_machine("ls -d /etc/posthouse-one /var/lib/posthouse/tree/two.json 2>/dev/null | wc -l") == "0"


def retire(site: Site) -> None:
    for name in TREES:
        site.on_machine(f"rm -rf /etc/posthouse-{name} /var/lib/posthouse/tree/{name}.json")
    site.on_machine(
        "systemctl disable -q --now posthouse-two 2>/dev/null; rm -f /etc/systemd/system/posthouse-two.service; systemctl daemon-reload"
    )
