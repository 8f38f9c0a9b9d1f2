"""The command ``tls-policy``: the service itself, and what it would say."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError

from . import socketmap
from .dane import UnsureError
from .service import Policies, serve
from .settings import Settings, load

CONFIGURATION = Path("/etc/posthouse/tls-policy.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 is well, 1 means that nothing can be said now, 2 that the command or its file cannot be used."""
    parser = argparse.ArgumentParser(prog="tls-policy", description="Which TLS receivers of mail promise: DANE before MTA-STS.")
    parser.add_argument("--configuration", type=Path, default=CONFIGURATION, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer Postfix; systemd starts this")
    commands.add_parser("verify", help="judge the configuration file")
    ask = commands.add_parser("check", help="what holds for mail to a domain")
    ask.add_argument("domain")
    ask.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.configuration)
    except SettingsError as error:
        print(f"tls-policy: {error}", file=sys.stderr)
        return 2
    if given.command == "verify":
        return 0
    if given.command == "serve":
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings))
        return 0
    return asyncio.run(_check(settings, given.domain.lower().rstrip("."), given.json))


async def _check(settings: Settings, domain: str, as_json: bool) -> int:
    """Say what holds for a domain, for people or for programs."""
    policies = Policies(settings)
    said: dict[str, Any] = {"domain": domain, "rules": "", "hosts": {}, "policy": ""}
    status = 0
    try:
        finding = await policies.find(domain)
    except UnsureError as unsure:
        said["rules"], status = f"nothing: mail waits, for DNS does not say ({unsure})", 1
    else:
        said["hosts"] = {host: keys.value for host, keys in finding.hosts.items()}
        if finding.promised:
            said["rules"] = "DANE"
        else:
            answer, said["policy"] = await policies.sts(domain)
            said["rules"] = {
                socketmap.OK: "MTA-STS",
                socketmap.NOTFOUND: "nothing: TLS is used when it is offered, and nobody's name is verified",
            }.get(answer, "nothing: mail waits, for MTA-STS does not answer")
            status = 0 if answer in (socketmap.OK, socketmap.NOTFOUND) else 1
    if as_json:
        print(json.dumps(said))
        return status
    print(f"{domain}: {said['rules']}")
    for host, keys in said["hosts"].items():
        print(f"  {host}: {keys}")
    if said["policy"]:
        print(f"  policy: {said['policy']}")
    return status
