"""Fetching rules by sa-update(1), and judging them together with the site's own before anybody uses them."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from pathlib import Path

from .settings import Channel, Settings

_log = logging.getLogger(__name__)
_PATIENCE = 600.0
# What perl and SpamAssassin say that is no complaint of the rules.
_CHATTER = re.compile(r"^\w{3} +\d+ [\d:.]+ \[\d+\] (dbg|info): ")


class RulesError(RuntimeError):
    """Rules could not be fetched, or are not fit for use; the sentence says why."""


def run(*command: str) -> tuple[int, str]:
    """Run a program and return its status and what it said that matters. Raises RulesError when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise RulesError(f"{command[0]}: {fault}") from fault
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip() and not _CHATTER.match(line)]
    return done.returncode, "; ".join(lines[:5])


def fetch(settings: Settings, channel: Channel) -> bool:
    """Fetch a channel and tell whether it brought anything new. Raises RulesError.

    sa-update checks the signature, reads the new rules alone and only then replaces the old ones.
    Its status: 0 new rules, 1 nothing new, more is a failure (sa-update(1), EXIT CODES).
    """
    keys = str(settings.home / "sa-update-keys")
    command = ["sa-update", "--gpghomedir", keys]
    if channel.key:
        status, said = run(*command, "--import", channel.key)
        if status:
            raise RulesError(f"the key of {channel.name} cannot be read: {said}")
    command += ["--channel", channel.name]
    if channel.fingerprint:
        command += ["--gpgkey", channel.fingerprint]
    status, said = run(*command)
    if status > 1:
        raise RulesError(f"{channel.name}: sa-update ended with status {status}: {said}")
    return status == 0


def lint() -> None:
    """Read all rules and settings as the content filter will. Raises RulesError with what SpamAssassin complains about."""
    # No connection to a database: rules are judged, and they are as good when it is away.
    status, said = run("spamassassin", "--lint", "-x", "--cf=use_bayes 0", "--cf=use_txrep 0")
    if status:
        raise RulesError(said or f"spamassassin --lint ended with status {status}")


def compile_rules() -> None:
    """Turn body rules into machine code. Raises RulesError; rules that were not compiled work as well, more slowly."""
    status, said = run("sa-compile", "--quiet")
    if status:
        raise RulesError(f"sa-compile ended with status {status}: {said}")


def keep(settings: Settings) -> Path:
    """Copy the rules in use, so that they can be put back."""
    copy = settings.home / "posthouse-before"
    shutil.rmtree(copy, ignore_errors=True)
    if settings.rules.is_dir():
        shutil.copytree(settings.rules, copy)
    return copy


def put_back(settings: Settings, copy: Path) -> None:
    """Put the rules of before back."""
    broken = settings.home / "posthouse-refused"
    shutil.rmtree(broken, ignore_errors=True)
    if settings.rules.is_dir():
        settings.rules.rename(broken)
    if copy.is_dir():
        shutil.copytree(copy, settings.rules)
    _log.warning("the rules of before are back; the refused ones lie in %s", broken)
