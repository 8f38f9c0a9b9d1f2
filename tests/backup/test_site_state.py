"""What machines know beside mail comes back: the directory with passwords and rules, the quarantine, the keys of the control node."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from frontdoor import paths, post
from frontdoor.stages import environment
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People, Person

COUNT = "ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b {suffix} -o ldif-wrap=no dn | grep -c ^dn:"


def play(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook against the lab."""
    command = ["ansible-playbook", "--inventory", str(paths.INVENTORY), f"playbooks/{name}.yml", *words]
    return subprocess.run(command, cwd=paths.CHECKOUT, env=environment(), capture_output=True, text=True, timeout=300, check=False)


def sealed(lab: Lab, machine: str, name: str) -> dict[str, Any]:
    """Seal on a machine, fetch on the backup machine; return what it says of the newest generation."""
    lab.run(machine, "systemctl start posthouse-site-state-seal")
    backup = lab.inventory.machines("backup")[0].name
    lab.run(backup, "systemctl start posthouse-backup-state")
    told = json.loads(lab.run(backup, f"backup state list --json --name {name}"))["generations"]
    return next(one for one in told if one["machine"] == machine)


@contextmanager
def cut_short(lab: Lab, generation: dict[str, Any]) -> Iterator[None]:
    """A generation on the backup machine loses its last byte for a while."""
    backup, path = lab.inventory.machines("backup")[0].name, generation["path"]
    lab.run(backup, f"cp -a {path} {path}.whole && truncate -s -1 {path}")
    try:
        yield
    finally:
        lab.run(backup, f"mv {path}.whole {path}")


@pytest.fixture
def kept(lab: Lab) -> Iterator[Person]:
    """Somebody who is in the dump."""
    people = People(lab.inventory.domain, [store.fqdn for store in lab.stores])
    person = people.add("kept", mailHost=lab.stores[0].fqdn)
    lab.ldapmodify(person.ldif(lab.inventory.values["cluster_ldap_suffix"]), add=True)
    yield person
    lab.dismiss({"kept": person})


def test_an_emptied_directory_comes_back_and_its_replicas_follow(lab: Lab, kept: Person) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    provider, replica = (lab.inventory.machines(f"directory_{kind}")[0].name for kind in ("provider", "replica"))
    generation = sealed(lab, provider, "directory")
    count = COUNT.format(suffix=suffix)
    everybody = lab.run(provider, count)
    asked = ["-e", f"generation={generation['at']}", "-e", f"generation_of={provider}"]

    with cut_short(lab, generation):
        refused = play("restore-directory", *asked)
    assert refused.returncode != 0
    assert "it is not whole" in refused.stdout
    assert "posthouse-directory-restore" not in refused.stdout

    late = People(lab.inventory.domain, [store.fqdn for store in lab.stores]).add("late", mailHost=lab.stores[0].fqdn)
    lab.ldapmodify(late.ldif(suffix), add=True)
    with faults.window():
        lab.run(provider, "systemctl stop slapd && rm -rf /var/lib/ldap/data/*")
        done = play("restore-directory", *asked, "-e", "overwrite_newer=true")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    assert lab.run(provider, count) == everybody
    assert lab.run(replica, count) == everybody
    lab.imap(kept).logout()
    # People see their own entry and nobody else's, on either server: the rules are the configuration's, the passwords are the dump's.
    own, other = f"uid={kept.uid},ou=People,{suffix}", f"cn=status,ou=Services,{suffix}"
    for machine in (provider, replica):
        ask = (
            f"LDAPTLS_CACERT=/etc/ssl/posthouse/ca.pem ldapsearch -x -ZZ -H ldap://{machine}.{lab.inventory.domain} -D {own} -y /dev/stdin"
        )
        for entry, count_seen in ((own, "1"), (other, "0")):
            seen = lab.run(machine, f"{ask} -LLL -s base -b {entry} dn 2>/dev/null | grep -c ^dn:", stdin=kept.password, check=False)
            assert seen.strip() == count_seen, (machine, entry)
    # And what changes from now on reaches the replica.
    lab.ldapmodify(f"dn: uid={kept.uid},ou=People,{suffix}\nchangetype: modify\nreplace: cn\ncn: Back again\n\n")
    look = f"ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b uid={kept.uid},ou=People,{suffix} cn"
    assert post.wait_for(lambda: "Back again" in lab.run(replica, look), 20)


def test_a_lost_database_comes_back(lab: Lab) -> None:
    machine = lab.inventory.machines("quarantine")[0].name
    mark = f"mark{secrets.token_hex(4)}"
    statement = "INSERT INTO job (name, begun_at, state, detail) VALUES ('MARK', NOW(), 'fine', '{}')"
    lab.run(machine, "mariadb quarantine", statement.replace("MARK", mark))
    lab.run(machine, "systemctl start posthouse-quarantine-dump")
    generation = sealed(lab, machine, "quarantine")
    with faults.window():
        lab.run(machine, "mariadb -e 'DROP DATABASE quarantine; DROP DATABASE antispam'")
        done = play("restore-quarantine", "-e", f"generation={generation['at']}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert mark in lab.run(machine, "quarantine-admin status")
    assert lab.run(machine, "mariadb -N -e 'SHOW DATABASES'").split().count("quarantine_arriving") == 0
    content_filter = lab.inventory.machines("content_filter")[0].name
    lab.run(content_filter, "quarantine list --json --limit 1 && systemctl is-active amavis")
    lab.run(machine, "mariadb quarantine", "DELETE FROM job WHERE name LIKE 'mark%'")


def test_keys_and_secrets_of_the_control_node_come_back(lab: Lab, tmp_path: Path) -> None:
    done = play("backup-site")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    backup = lab.inventory.machines("backup")[0].name
    newest = json.loads(lab.run(backup, "backup state list --json --name site"))["generations"][0]["path"]
    file = tmp_path / Path(newest).name
    with file.open("wb") as out:
        subprocess.run(["ssh", "-F", str(lab.ssh_config), backup, f"cat {newest}"], stdout=out, check=True, timeout=60)
    file.with_suffix(".json").write_text(lab.run(backup, f"cat {newest.removesuffix('.age')}.json"))
    command = [
        sys.executable,
        "-m",
        "frontdoor.sealed",
        "open",
        str(file),
        str(paths.INVENTORY / "operator/key.txt"),
        str(tmp_path / "tar"),
    ]
    subprocess.run(command, cwd=paths.CHECKOUT, check=True, env={**environment(), "PYTHONPATH": "services/posthouse"}, timeout=60)
    with tarfile.open(tmp_path / "tar") as tar:
        tar.extractall(tmp_path, filter="data")
    lost = [path for name in ("pki", "dkim", "dnssec", "group_vars") for path in (paths.INVENTORY / name).rglob("*") if path.is_file()]
    assert len(lost) > 10
    for path in lost:
        assert (tmp_path / paths.INVENTORY.name / path.relative_to(paths.INVENTORY)).read_bytes() == path.read_bytes()
    assert not (tmp_path / paths.INVENTORY.name / "operator").exists()
