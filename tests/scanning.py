"""Asking the virus scanner of a machine, once or all the time."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.corpus.eicar import EICAR
from tests.laboratory import Lab

# Asks clamd again and again, each time about something new, until it is told to end and has asked often enough; says how often it
# failed to see the test virus and how long the longest answer took.
ASK = """
import signal, socket, struct, sys, time
virus, enough = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
asked, missed, longest, told = 0, 0, 0.0, []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
while asked < enough or not told:
    data, began = virus + b" %d" % asked, time.time()
    try:
        with socket.socket(socket.AF_UNIX) as clamd:
            clamd.settimeout(30)
            clamd.connect("/run/clamav/clamd.ctl")
            clamd.sendall(b"zINSTREAM\\0" + struct.pack("!I", len(data)) + data + bytes(4))
            answer = clamd.recv(4096)
    except OSError as fault:
        answer = str(fault).encode()
    asked, missed, longest = asked + 1, missed + (b"FOUND" not in answer), max(longest, time.time() - began)
    time.sleep(0.02)
print(missed, longest)
"""


def at_once(names: Sequence[str], check: Callable[[str], None]) -> None:
    """Check several machines at a time, since a check of one mostly waits or uses one processor; the first fault names its machine."""
    with ThreadPoolExecutor(len(names)) as pool:
        faults = {name: running.exception() for name, running in [(name, pool.submit(check, name)) for name in names]}
    for name, fault in faults.items():
        if fault:
            raise AssertionError(f"on {name}: {fault}") from fault


def everywhere(names: Sequence[str]) -> Callable[[Callable[[Lab, str], None]], Callable[[Lab], None]]:
    """Make a test of what is to be checked on each machine: on all at once."""

    def made(check: Callable[[Lab, str], None]) -> Callable[[Lab], None]:
        def test(lab: Lab) -> None:
            at_once(names, partial(check, lab))

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return made


def scan(lab: Lab, name: str, data: bytes) -> str:
    """Return the signature that clamd names for some bytes; nothing when there is none."""
    said = lab.run(name, "base64 -d | clamdscan --no-summary -", base64.b64encode(data).decode(), check=False)
    found = re.search(r": (\S+) FOUND$", said, re.MULTILINE)
    return found[1].removesuffix(".UNOFFICIAL") if found else ""


def status(lab: Lab, name: str) -> dict[str, object]:
    return dict(json.loads(lab.run(name, "signatures status --json", check=False)))


def asking(lab: Lab, name: str, times: int, meanwhile: str) -> tuple[int, float]:
    """Do something while clamd is asked all the time, and some times at the least; return how often in vain, and the longest answer."""
    ask = f"python3 -c {shlex.quote(ASK)} {EICAR.hex()} {times}"
    # Half a second before and after, so that what happens stands in the middle of the answers.
    said = lab.run(name, f"{ask} & sleep 0.5; ({meanwhile}) >&2; sleep 0.5; kill $!; wait", timeout=90).split()
    return int(said[0]), float(said[1])
