"""Asking the virus scanner of a machine, once or all the time."""

from __future__ import annotations

import base64
import json
import re
import shlex

from tests.corpus.eicar import EICAR
from tests.laboratory import Lab

# Asks clamd again and again, each time about something new, and says how often it failed to see the test virus and how long the
# longest answer took.
ASK = """
import socket, struct, sys, time
virus, seconds = bytes.fromhex(sys.argv[1]), float(sys.argv[2])
end, asked, missed, longest = time.time() + seconds, 0, 0, 0.0
while time.time() < end:
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
print(asked, missed, longest)
"""


def scan(lab: Lab, name: str, data: bytes) -> str:
    """Return the signature that clamd names for some bytes; nothing when there is none."""
    said = lab.run(name, "base64 -d | clamdscan --no-summary -", base64.b64encode(data).decode(), check=False)
    found = re.search(r": (\S+) FOUND$", said, re.MULTILINE)
    return found[1].removesuffix(".UNOFFICIAL") if found else ""


def status(lab: Lab, name: str) -> dict[str, object]:
    return dict(json.loads(lab.run(name, "signatures status --json", check=False)))


def asking(lab: Lab, name: str, seconds: float, meanwhile: str) -> tuple[int, int, float]:
    """Do something while clamd is asked all the time; return how often it was asked, how often in vain, and the longest answer."""
    ask = f"python3 -c {shlex.quote(ASK)} {EICAR.hex()} {seconds}"
    said = lab.run(name, f"{ask} & sleep 1; ({meanwhile}) >&2; wait", timeout=90).split()
    return int(said[0]), int(said[1]), float(said[2])
