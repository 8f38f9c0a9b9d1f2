"""Tell the fates of the lab's mail: the command of services/fates over the machines' journals, by ssh."""

import subprocess
import sys
from collections.abc import Sequence

from frontdoor import paths, standing
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape

#: Where the lines are that fates are told from.
GROUPS = ("exchanger", "submission", "content_filter", "mailstore")


def command(words: Sequence[str]) -> list[str]:
    """Return the words of the call. A journal is read from the lab's beginning unless --since says otherwise."""
    landscape = Landscape(standing.inventory())
    machines = dict.fromkeys(machine.name for group in GROUPS for machine in landscape.machines(group))
    # "trace WHAT" stands before the options that both commands share.
    first = list(words[:2]) if words[:1] == ["trace"] else []
    rest = list(words[len(first) :])
    since = [] if any(word == "--since" or word.startswith("--since=") for word in rest) else ["--since", "2000-01-01"]
    where = [word for name in machines for word in ("--machine", name)]
    where += [word for machine in landscape.machines("submission") for word in ("--submission", machine.name)]
    return [sys.executable, "-m", "fates", *first, "--ssh", f"ssh -F {paths.SSH_CONFIG}", *where, *since, *rest]


def run(words: Sequence[str]) -> int:
    """Run it; the answer is its exit code."""
    if not paths.SSH_CONFIG.exists():
        raise Refused("The lab is not up: ./lab up starts it.")
    return subprocess.call(command(words), cwd=paths.CHECKOUT / "services/fates")
