"""The running lab as this bench uses it: commands by ssh, people of its own, what is counted."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frontdoor import paths
from frontdoor.landscape import Landscape, Machine

#: smtp-source -N puts a number after the local part: bench0@…, bench1@…
STEM = "bench"
FIRST_UID = 41_000
HOMES = "/mnt/home"


class BenchError(RuntimeError):
    """The lab did not do what a measurement needs; the message says what."""


class Cluster:
    """The lab's machines, by the nouns that this bench measures."""

    def __init__(self, inventory: Path = paths.INVENTORY, homes: str = HOMES) -> None:
        """Read the inventory. homes: where the bench's people live."""
        self.site = Landscape(inventory)
        self.homes = homes
        self.count = f"find {homes}/ -path '*/{STEM}[0-9]*/Maildir/new/*' -type f 2>/dev/null | wc -l"
        self.provider = self.site.machines("directory_provider")[0]
        self.store = self.site.machines("mailstore")[0]
        self.exchanger = self.site.machines("exchanger")[0]
        self.outside = self.site.machines("world")[0]
        self.domain = self.site.domain

    @property
    def address(self) -> str:
        """The recipient for smtp-source -N."""
        return f"{STEM}@{self.domain}"

    def run(self, machine: Machine, command: str, stdin: str = "", seconds: float = 300, check: bool = True) -> str:
        """Run a shell's line as root and return what it printed. Raises BenchError when it fails."""
        words = ["ssh", "-F", str(paths.SSH_CONFIG), machine.name, command]
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
        if check and done.returncode:
            raise BenchError(f"{machine.name}: {command}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
        return done.stdout

    @contextmanager
    def people(self, count: int) -> Iterator[None]:
        """Have count people on the mailstore for the time of the bench. They and their mail are gone afterwards."""
        self.remove_people()
        suffix = self.site.values["cluster_ldap_suffix"]
        entries = (self._entry(number, suffix) for number in range(count))
        self.run(self.provider, "ldapmodify -a -Q -Y EXTERNAL -H ldapi:/// >/dev/null", "".join(entries))
        try:
            yield
        finally:
            self.remove_people()

    def _entry(self, number: int, suffix: str) -> str:
        name = f"{STEM}{number}"
        values = {
            "dn": f"uid={name},ou=People,{suffix}",
            "objectClass": "inetOrgPerson\nobjectClass: posixAccount\nobjectClass: qmailUser",
            "cn": name,
            "sn": STEM,
            "mail": f"{name}@{self.domain}",
            "mailHost": self.store.fqdn,
            "accountStatus": "active",
            "uidNumber": str(FIRST_UID + number),
            "gidNumber": "100",
            "homeDirectory": f"{self.homes}/{name}",
        }
        return "".join(f"{key}: {value}\n" for key, value in values.items()) + "\n"

    def remove_people(self) -> None:
        """Take away the bench's people, also those of a bench that was killed, and their mail."""
        self.forget_mail()
        search = f"ldapsearch -Q -LLL -o ldif-wrap=no -Y EXTERNAL -H ldapi:/// -b {self.site.values['cluster_ldap_suffix']}"
        found = self.run(self.provider, f"{search} '(uid={STEM}*)' dn | sed -n 's/^dn: //p'").split()
        gone = "".join(f"dn: {dn}\nchangetype: delete\n\n" for dn in found if re.match(rf"uid={STEM}[0-9]+,ou=People,", dn))
        if gone:
            self.run(self.provider, "ldapmodify -Q -Y EXTERNAL -H ldapi:/// >/dev/null", gone)
            # The exchanger keeps addresses that vanish by the hundred, until somebody says that it is meant.
            self.run(self.exchanger, "recipients refresh --accept-loss", check=False)

    def forget_mail(self) -> None:
        """Remove the homes of the bench's people, so that they are new again."""
        # Mail may still arrive while its home goes.
        remove = f"rm -rf {self.homes}/{STEM}[0-9]*"
        self.run(self.store, f"{remove} 2>/dev/null || {{ sleep 2; {remove}; }}")

    def delivered(self) -> int:
        """Count the messages in the mailboxes of the bench's people."""
        return int(self.run(self.store, self.count))

    def wait_for(self, wanted: int, seconds: float = 180) -> None:
        """Wait until so many messages are in the mailboxes. One loop on the mailstore: a process a look would be measured too."""
        loop = shlex.quote(f"until [ $({self.count}) -ge {wanted} ]; do sleep 0.2; done")
        try:
            self.run(self.store, f"timeout {seconds:.0f} sh -c {loop}", seconds=seconds + 20)
        except BenchError:
            raise BenchError(f"{self.delivered()} of {wanted} messages arrived within {seconds:.0f} s") from None

    def known_outside(self, number: int, seconds: float = 90) -> None:
        """Wait until the exchanger's table of recipients holds one of the bench's people."""
        key, end = f"{STEM}{number}@{self.domain}", time.monotonic() + seconds
        while time.monotonic() < end:
            table = "cdb:$(postconf -c /etc/postfix-outside -xh tcprules_recipients | grep -o 'cdb:[^ ,}]*' | head -n 1 | cut -d: -f2)"
            if self.run(self.exchanger, f"postmap -q {key} {table}", check=False).strip():
                return
            time.sleep(1)
        raise BenchError(f"{self.exchanger.name} does not know {key} after {seconds:.0f} s")


@contextmanager
def parameters(cluster: Cluster, instance: str, values: dict[str, str]) -> Iterator[None]:
    """Run an instance of the exchanger with other values for a while. A bench that was killed is undone by the next site.yml."""
    directory, unit = f"/etc/{instance}", f"postfix@{instance.removeprefix('postfix-')}.service"
    words = " ".join(f"'{name} = {value}'" for name, value in values.items())
    main, kept = f"{directory}/main.cf", f"{directory}/main.cf.bench"
    digest = f"sha256sum < {main}"
    edited = cluster.run(cluster.exchanger, f"cp -a {main} {kept} && postconf -c {directory} -e {words} && {digest}")
    try:
        # postscreen keeps its limits until it ends.
        cluster.run(cluster.exchanger, f"systemctl restart {unit}")
        yield
        if cluster.run(cluster.exchanger, digest) != edited:
            raise BenchError(f"{main} was changed by somebody else while this bench ran; let it have the lab alone")
    finally:
        # What somebody else has put there meanwhile stays.
        still = f'[ "$({digest})" = "{edited.strip()}" ]'
        cluster.run(cluster.exchanger, f"if {still}; then mv {kept} {main}; else rm {kept}; fi; systemctl restart {unit}")
