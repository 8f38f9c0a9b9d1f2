"""Reach the machines by ssh: one key, host keys known beforehand, one configuration that every tool reads."""

import time
from collections.abc import Sequence
from pathlib import Path

from frontdoor import paths, shell
from frontdoor.errors import Refused
from frontdoor.inventory import Machine

_CONFIG = """\
# Made by the front door; ssh_config(5). Every tool reaches the lab's machines through this file.
Host {names}
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PreferredAuthentications publickey
  ControlMaster auto
  ControlPath {sockets}/%C
  ControlPersist 15m
  ConnectTimeout 10
  ServerAliveInterval 10
  ServerAliveCountMax 3
  LogLevel ERROR
"""


def _key(file: Path, comment: str) -> str:
    """The public half of a key, made when it is missing or its file was cut short."""
    public = file.with_name(file.name + ".pub")
    if not (public.exists() and public.read_text().startswith("ssh-ed25519 ") and file.exists()):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.unlink(missing_ok=True)
        public.unlink(missing_ok=True)
        shell.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)])
    return public.read_text().strip()


def authorized_key() -> str:
    """The key every machine lets in."""
    return _key(paths.SSH_KEY, "posthouse lab")


def host_key(machine: str) -> Path:
    """The private host key of a machine; it outlives the machine so that its identity does not change."""
    file = paths.SSH / "host" / machine
    _key(file, machine)
    return file


def write(machines: Sequence[Machine]) -> None:
    """Write the configuration and the known hosts for these machines."""
    paths.SSH.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = paths.SSH / "known_hosts"
    lines = []
    text = _CONFIG.format(
        names=" ".join(name for machine in machines for name in (machine.name, machine.address)),
        key=paths.SSH_KEY,
        known=known,
        sockets=paths.CONTROL_SOCKETS,
    )
    for machine in machines:
        public = host_key(machine.name).with_name(machine.name + ".pub").read_text().split()
        lines.append(f"{machine.name} {public[0]} {public[1]}\n")
        text += f"\nHost {machine.name} {machine.address}\n  HostName {machine.address}\n  HostKeyAlias {machine.name}\n"
    known.write_text("".join(lines))
    paths.SSH_CONFIG.write_text(text)


def command(machine: str, *arguments: str, reuse: bool = True) -> list[str]:
    """The words of an ssh call."""
    alone = [] if reuse else ["-o", "ControlPath=none"]
    return ["ssh", "-F", str(paths.SSH_CONFIG), *alone, machine, *arguments]


def wait(machine: str, seconds: float = 60) -> None:
    """Wait until a machine has booted and lets us in."""
    if said := refusal(machine, seconds, "systemctl", "is-system-running", "--wait"):
        raise Refused(f"{machine} did not answer by ssh within {seconds:.0f} seconds: {said}", 1)


def refusal(machine: str, seconds: float, *words: str) -> str:
    """Try until a machine lets us in and runs these words, and say nothing; else, after so many seconds, why it does not."""
    end = time.monotonic() + seconds
    said = "not tried"
    while time.monotonic() < end:
        seen = shell.run(command(machine, *words, reuse=False), check=False, timeout=seconds)
        if seen.returncode != 255:  # ssh's own failures
            return ""
        said = seen.stderr.strip() or "no reason given"
        time.sleep(0.3)
    return said


def hang_up() -> None:
    """End every multiplexed connection: ControlPersist keeps a process for each, and one to a dead machine hangs."""
    for socket in paths.CONTROL_SOCKETS.glob("*") if paths.CONTROL_SOCKETS.exists() else []:
        shell.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], check=False, timeout=10)
        socket.unlink(missing_ok=True)
