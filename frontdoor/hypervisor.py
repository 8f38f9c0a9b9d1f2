"""The main process of a virtual machine's container: it runs qemu, and SIGTERM is the machine's power button.

Killed instead, it takes qemu along: a power cut. It stands in the container as a file of its own, so it knows only Python's library.

    hypervisor run WORD...                   run qemu with these words
    hypervisor ask COMMAND [ARGUMENTS]       one command of qemu's machine protocol; the arguments are a JSON object
    hypervisor console                       the machine's serial console, where a root shell waits; ^] leaves it
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import tty
from typing import Any

CONTROL = "/run/control"
CONSOLE = "/run/console"
RESETS = 3  # assertions of one qemu that we take for resets; what ends more often is broken
AGAIN = 5.0  # seconds; a machine that is still booting has nobody yet who listens to the button
LEAVE = b"\x1d"


def ask(command: str, arguments: dict[str, Any] | None = None, timeout: float = 10) -> Any:
    """Send one command to qemu and return what it answers (QEMU Machine Protocol specification)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        line.connect(CONTROL)
        with line.makefile("rw", encoding="utf-8") as talk:
            talk.readline()  # its greeting
            answer = {}
            for question in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments or {}}):
                talk.write(json.dumps(question) + "\n")
                talk.flush()
                answer = json.loads(talk.readline())
                while "event" in answer:
                    answer = json.loads(talk.readline())
    if "error" in answer:
        raise ValueError(str(answer["error"].get("desc", answer["error"])))
    return answer.get("return")


def run(words: list[str]) -> int:
    """Run qemu until the machine is off. One whose qemu ends by an assertion starts anew, as after a reset."""
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        _press()

    signal.signal(signal.SIGTERM, press)
    machine, resets = subprocess.Popen(words), 0
    while True:
        try:
            ended = machine.wait(timeout=AGAIN)
            # Seen with several processors when the guest resets itself (iotlb_to_section): emulation, and no matter of the machine's.
            if ended != -signal.SIGABRT or pressed or resets == RESETS:
                return ended
            machine, resets = subprocess.Popen(words), resets + 1
        except subprocess.TimeoutExpired:
            if pressed:
                _press()


def _press() -> None:
    # qemu that does not answer yet is asked again.
    with contextlib.suppress(OSError, ValueError):
        ask("system_powerdown")


def console() -> int:
    """Join the terminal and the serial console."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(CONSOLE)
        before = termios.tcgetattr(0) if os.isatty(0) else None
        try:
            if before:
                tty.setraw(0)
            line.sendall(b"\n")
            return _join(line)
        finally:
            if before:
                termios.tcsetattr(0, termios.TCSADRAIN, before)


def _join(line: socket.socket) -> int:
    while True:
        ready, _, _ = select.select([0, line.fileno()], [], [])
        if line.fileno() in ready:
            if not (said := line.recv(4096)):
                return 0
            os.write(1, said)
        if 0 in ready:
            if not (typed := os.read(0, 4096)) or LEAVE in typed:
                return 0
            line.sendall(typed)


def main(words: list[str]) -> int:
    """Do what the words say."""
    if words[:1] == ["run"] and len(words) > 1:
        return run(words[1:])
    if words[:1] == ["console"]:
        return console()
    if words[:1] == ["ask"] and len(words) > 1:
        print(json.dumps(ask(words[1], json.loads(words[2]) if len(words) > 2 else None)))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
