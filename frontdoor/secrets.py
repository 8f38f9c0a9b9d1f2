"""Make the secrets a site lacks. Never overwrites one, never prints one."""

import os
import secrets as random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from frontdoor.errors import Refused

# Who proves itself with it to whom; roles read cluster_secrets.NAME by wiring.
NAMES = {
    "directory_replica": "a replica to the provider",
    "directory_mailstore": "a mailstore to the directory",
    "directory_proxy": "a proxy to the directory",
    "directory_recipients": "an exchanger's list of recipients to the directory",
    "directory_inside": "an exchanger's routing to the directory",
    "directory_senders": "a submission machine's table of who owns which address to the directory",
    "directory_sasl": "a submission machine's logins to the directory",
    "directory_status": "whoever asks a directory server how far it is",
    "directory_rates": "the count of what people send to the directory",
    "directory_backup": "a backup machine's list of people to the directory",
    "backup_doveadm": "a backup machine to the mailstores",
    "backup_storage": "a backup machine's mail to whoever has its disks",
    "directory_provisioner": "whoever changes people, to the directory",
    "dns_transfer": "name servers to each other, when they fetch signed zones",
    "srs": "exchangers, whose reports about forwarded mail they take, to each other",
    "quarantine_content_filter": "a content filter to the quarantine's database",
    "quarantine_antispam": "SpamAssassin's memory to the quarantine's database",
    "quarantine_review": "the command that lists and releases, to the quarantine's database",
    "quarantine_rates": "the count of what people send, to the quarantine's database",
    "people": "every person of the lab, to their mailbox",
}
LENGTH = 32
# The lab's operator. On a real site the private half is made by a person and lies where no machine of the cluster, and no backup, ever is.
PRIVATE = "operator/key.txt"
PUBLIC = "group_vars/all/operator.yml"

_HEAD = """\
---
# Secrets of this site, made by the front door or playbooks/secrets.yml; what is here is never overwritten.
# On a real site encrypt the file: ansible-vault encrypt inventory/SITE/group_vars/all/secrets.yml
"""


def generate(site: Path) -> list[str]:
    """Add the missing secrets to a site's file; the answer is their names."""
    file = site / "group_vars" / "all" / "secrets.yml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if text.startswith("$ANSIBLE_VAULT"):
        raise Refused(f"{file} is encrypted: decrypt it with ansible-vault before secrets are added.")
    known: dict[str, Any] = (yaml.safe_load(text) or {}).get("cluster_secrets") or {}
    made = {name: random.token_urlsafe(LENGTH)[:LENGTH].replace("-", "x").replace("_", "y") for name in NAMES if name not in known}
    if made:
        body = yaml.safe_dump({"cluster_secrets": {**known, **made}}, sort_keys=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file for its owner alone (0600); the rename is whole or not at all.
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".secrets-")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(_HEAD + body)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(file)
    return sorted(made)


def operator(site: Path) -> bool:
    """Make the key pair of a lab's operator, unless there is one; say whether anything was made (docs/site_state.md)."""
    private, public = site / PRIVATE, site / PUBLIC
    if not private.exists():
        private.parent.mkdir(mode=0o700, exist_ok=True)
        new = private.with_name("new.txt")
        new.unlink(missing_ok=True)
        subprocess.run(["age-keygen", "--output", str(new)], check=True, capture_output=True)
        new.replace(private)
    told = subprocess.run(["age-keygen", "-y", str(private)], check=True, capture_output=True, text=True).stdout.strip()
    text = "---\n# Made by the front door. Who has operator/key.txt opens what is sealed to this.\n"
    text += f"cluster_operator_keys: [{told}]\n"
    if public.exists() and public.read_text(encoding="utf-8") == text:
        return False
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_text(text, encoding="utf-8")
    return True


def main() -> int:
    """Add what a site lacks and print the names; for ``playbooks/secrets.yml``."""
    if len(sys.argv) != 2:
        print("usage: python -m frontdoor.secrets inventory/SITE", file=sys.stderr)
        return 2
    try:
        made = generate(Path(sys.argv[1]))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    if made:
        print(" ".join(made))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
