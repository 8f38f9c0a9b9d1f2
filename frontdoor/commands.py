"""What each command of the front door does."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from frontdoor import checks, depot, engine, host, image, lock, machines, network, paths, remains, secrets, ssh, standing, virtual_image
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape
from frontdoor.stages import Stages, environment

PLAYBOOK = "ansible-playbook"


def run(options: argparse.Namespace) -> int:
    """Do what the command line says; the answer is the exit code."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "up": up,
        "test": test,
        "down": down,
        "status": status,
        "shell": shell,
        "probe": probe,
        "fates": fates,
        "bench": bench,
        "lint": lint,
        "docs": docs,
    }
    return commands[options.command](options)


def up(options: argparse.Namespace) -> int:
    """Bring the lab up; every step finds out for itself what is left to do."""
    stages = Stages(quiet=options.json)
    with lock.only_one("up"):
        site = paths.STORAGE_INVENTORY if options.storage else paths.INVENTORY
        prepare(stages, site)
        bring_up(stages, site)
        if not options.no_converge:
            converge(stages, site)
    if not (options.no_converge or options.no_probe):
        with stages.stage("probe"):
            _probe(stages)
    stages.report(options.json)
    return 0


def prepare(stages: Stages, site: Path = paths.INVENTORY) -> None:
    """Check the host, then have what machines are made from: secrets, image, depot, and what its virtual machines start from."""
    inventory = Landscape(site)
    override = str(inventory.values.get("lab_mirror", ""))
    virtual = inventory.virtual
    with stages.stage("requirements"):
        checks.requirements(override, _to_start(virtual))
        if made := secrets.generate(paths.INVENTORY):
            stages.say(f"{len(made)} secrets were made for this lab")
        if secrets.operator(paths.INVENTORY):
            stages.say("an operator's key was made for this lab")
        if said := network.note_families(paths.INVENTORY):
            stages.say(said)
    with stages.stage("image"):
        machines.prepare(stages.say)
        image.ensure(override, stages.say)
        mirror = host.mirror(override)
        if not depot.is_built(mirror):
            stages.say("building the depot, a cache of packages")
            depot.build(mirror)
        if virtual:
            for sentence in standing.forget_stand_ins(site, {str(one["Names"][0]) for one in engine.containers()}):
                stages.say(sentence)
            virtual_image.ensure(override, stages.say)


def _to_start(names: list[str]) -> int:
    """How many of these machines do not run; all of them, where another cache folder's lab is up."""
    from frontdoor import overview  # noqa: PLC0415, because it is only needed here and for status

    states = overview.states() if names and not remains.other_cache() else {}
    return sum(states.get(name) != "running" for name in names)


def bring_up(stages: Stages, site: Path = paths.INVENTORY) -> None:
    """Have the machines running."""
    with stages.stage("machines"):
        stages.command("machines", [PLAYBOOK, "--inventory", str(site), "playbooks/lab/create.yml"], show=_is_news)


def _is_news(line: str) -> bool:
    """What the making of machines has to say of its own, not Ansible's frame around it."""
    return line.endswith((" is up", ".", "depot", "again")) and not line.startswith((" ", "[", "ok:", "changed:", "TASK", "PLAY"))


def converge(stages: Stages, site: Path = paths.INVENTORY) -> None:
    """Run the site's playbook against the lab."""
    with stages.stage("site"):
        stages.command("site", [PLAYBOOK, "--inventory", str(site), "playbooks/site.yml"], show=lambda line: line.startswith("PLAY ["))


def _probe(stages: Stages) -> None:
    stages.command("probe", [sys.executable, "-m", "frontdoor.probe"], show=lambda _line: True)


def probe(options: argparse.Namespace) -> int:
    """Send the probe's mail; it prints for itself."""
    from frontdoor import probe as letters  # noqa: PLC0415, because only this command needs mail

    return letters.main([*(["--json"] if options.json else []), *options.words])


def test(options: argparse.Namespace) -> int:
    """Run the stages of ``frontdoor.suite``."""
    from frontdoor import suite  # noqa: PLC0415, because it is long and only needed here

    return suite.run(options)


def lint(options: argparse.Namespace) -> int:
    """Run the linters."""
    from frontdoor import linters  # noqa: PLC0415, as above

    stages = Stages()
    failed = linters.run(stages, options.only)
    print(stages.table())
    return 1 if failed else 0


def down(options: argparse.Namespace) -> int:
    """Remove every trace of the lab from this host; with ``--purge`` the cache folder as well."""
    with lock.only_one("down"):
        take_down(Stages())
    if options.purge:
        shutil.rmtree(paths.CACHE)
        print(f"{paths.CACHE} is removed")
    return 0


def take_down(stages: Stages) -> None:
    """Remove containers, networks, control groups, connections and run state, and look whether they are gone."""
    with stages.stage("down"):
        if other := remains.other_cache():
            remains.halt(other)
        elif paths.STORE.exists() and shutil.which("podman"):
            engine.prepare()
            remains.everything()
        left = network.bridges()
        if left or paths.RUN.exists():
            raise Refused(f"Something of the lab is still here: {', '.join([*left, str(paths.RUN)])}.", 1)


def status(options: argparse.Namespace) -> int:
    """Say of each machine whether it runs and lets us in, and then how the cluster is; exit code 2 when one does not run."""
    from frontdoor import overview  # noqa: PLC0415, as above
    from frontdoor import status as pages  # noqa: PLC0415

    found = overview.look()
    code = pages.CRITICAL
    told: dict[str, Any] = {}
    if not options.json:
        print(overview.table(found), end="\n\n", flush=True)
    # Without a single machine there is nobody to ask; the table has said so.
    if any(row["container"] == "running" for row in found["machines"]):
        words = [word for word in ("--json", "--all") if getattr(options, word[2:])]
        code, told = pages.look(standing.inventory(), words, quiet=options.json)
    code = code if found["up"] else pages.CRITICAL
    if options.json:
        print(json.dumps({**found, "status": told, "code": code}))
    return code


def shell(options: argparse.Namespace) -> int:
    """Become ssh."""
    known = Landscape(standing.inventory()).hosts
    if not paths.SSH_CONFIG.exists():
        raise Refused("The lab is not up: ./lab up starts it.")
    if options.machine not in known and f"Host {options.machine} " not in paths.SSH_CONFIG.read_text():
        raise Refused(f"There is no machine {options.machine}; there are {', '.join(known)}.")
    return subprocess.call(ssh.command(options.machine, *options.words))


def fates(options: argparse.Namespace) -> int:
    """Tell the fates of the lab's mail."""
    from frontdoor import fates as telling  # noqa: PLC0415, as above

    return telling.run(options.words)


def bench(options: argparse.Namespace) -> int:
    """Run one bench, or name them all."""
    folder = paths.CHECKOUT / "bench"
    known = sorted(
        {
            entry.parent.name if entry.name == "__main__.py" else entry.stem
            for entry in [*folder.glob("*/__main__.py"), *folder.glob("*.py")]
        }
        - {"__init__"}
    )
    if not options.name:
        print("\n".join(known))
        return 0
    if options.name not in known:
        raise Refused(f"There is no bench {options.name}; there are {', '.join(known)}.")
    arguments = [sys.executable, "-m", f"bench.{options.name}", *(["--json"] if options.json else []), *options.words]
    # What services share stands beside them on a machine; here it is found by its path, as pyproject.toml says for the tests.
    return subprocess.call(arguments, cwd=paths.CHECKOUT, env={**environment(), "PYTHONPATH": str(paths.CHECKOUT / "services/posthouse")})


def docs(_options: argparse.Namespace) -> int:
    """Write the pages that are made from the roles' specifications."""
    return subprocess.call([sys.executable, "-m", "frontdoor.reference"], cwd=paths.CHECKOUT, env=environment())
