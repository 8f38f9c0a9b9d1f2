"""A backup machine as it stands: what Dovecot and Postfix would say if they were asked, and who owns what."""

from __future__ import annotations

import pytest
import testinfra

from frontdoor import paths
from frontdoor.landscape import Landscape

INVENTORY = Landscape(paths.INVENTORY)


@pytest.fixture(scope="module")
def backup() -> testinfra.host.Host:
    return testinfra.get_host(f"ssh://{INVENTORY.machines('backup')[0].name}", ssh_config=str(paths.SSH_CONFIG))


def test_dovecot_listens_for_nobody(backup: testinfra.host.Host) -> None:
    said = backup.check_output("doveconf -h protocols; doveconf -h ssl; ss -Hltnp | grep -c dovecot || true").split()
    assert said == ["lmtp", "no", "0"]


def test_postfix_takes_copies_at_one_place_and_sends_nothing(backup: testinfra.host.Host) -> None:
    assert [line.split()[0] for line in backup.check_output("postconf -M | grep inet").splitlines()] == ["2528"]
    services = {line.split()[-1] for line in backup.check_output("postconf -M").splitlines()}
    assert "smtp" not in services, "there is a client of SMTP"
    assert backup.check_output("postconf -h soft_bounce default_transport").startswith("yes\nerror:")


@pytest.mark.parametrize("folder", ["people", "scratch", "state", "log"])
def test_what_is_kept_is_the_keepers_alone(backup: testinfra.host.Host, folder: str) -> None:
    place = backup.file(f"/srv/backup/{folder}")
    assert (place.user, place.group, place.mode) == ("posthouse-backup", "posthouse-backup", 0o700)


def test_letters_are_encrypted_and_indexes_hold_no_words(backup: testinfra.host.Host) -> None:
    # The lab's inventory says so; what stands here from before has been culled or was written by a restore.
    letters = "find /srv/backup/people/*/copies/new /srv/backup/people/*/copies/cur -type f -printf '%T@ %p\\n'"
    letter = backup.check_output(f"{letters} | sort -n | tail -1 | cut -d' ' -f2-")
    if letter:
        assert backup.check_output("head -c 9 %s", letter).startswith("CRYPTED")
    found = backup.check_output("grep -la -i 'subject:' -r --include='dovecot.index.cache' /srv/backup/people | wc -l")
    assert int(found) == 0


def test_the_command_says_what_it_does(backup: testinfra.host.Host) -> None:
    assert backup.run("backup check").rc == 0
    assert backup.run("backup nonsense").rc == 2
    assert "cull" in backup.check_output("backup --help")
