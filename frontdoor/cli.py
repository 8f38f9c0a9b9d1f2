"""The command line of the front door."""

import argparse
import os
import sys
from collections.abc import Sequence

from frontdoor.errors import Refused

_EPILOG = """\
exit codes: 0 all is well; 1 something failed (a stage, a test, a message); 2 this machine or the call is not as it must be.
Everything the lab makes is in the checkout's .lab, in one cache folder (POSTHOUSE_CACHE, by default /var/cache/posthouse)
and in containers that `./lab down` removes. docs/lab.md tells more.
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="./lab",
        description="A mail cluster on this machine: build it, send real mail through it, test it, remove it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str, as_json: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        if as_json:
            command.add_argument("--json", action="store_true", help=as_json)
        return command

    up = add("up", "build and start the lab, converge it, send mail through it", "print the stages' times as one JSON object")
    up.add_argument("--storage", action="store_true", help="with apollo, a mailstore in a virtual machine, its shelf and its standby")
    up.add_argument("--no-converge", action="store_true", help="start the machines, and stop there")
    up.add_argument("--no-probe", action="store_true", help="send no mail at the end")
    test = add("test", "run every test: lint, units, scenarios, the user's view", "print the stages' times as one JSON object")
    test.add_argument("stages", nargs="*", metavar="STAGE", help="only these stages (see --list)")
    test.add_argument("--keep", action="store_true", help="leave the lab running, also when it was not before")
    test.add_argument("--list", action="store_true", help="name the stages")
    down = add("down", "remove the lab; the cache folder stays")
    down.add_argument("--purge", action="store_true", help="remove the cache folder too")
    status = add("status", "what runs, and what a postmaster wants green: 0 all is, 1 a warning, 2 critical", "print one JSON object")
    status.add_argument("--all", action="store_true", help="every sentence, of what is fine too")
    shell = add("shell", "a shell, or one command, on a machine")
    shell.add_argument("machine")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run there; a login shell by default")
    probe = add("probe", "send real mail and show the path it takes", "print one JSON object")
    probe.add_argument("words", nargs=argparse.REMAINDER, metavar="OPTION", help="see ./lab probe -- --help")
    fates = add("fates", "say what became of connections and messages, from the machines' journals")
    fates.add_argument("words", nargs="*", metavar="OPTION", help="see ./lab fates --help; 'trace WHAT' follows one message")
    bench = add("bench", "run the benches, or name them", "print one JSON object a bench")
    bench.add_argument("name", nargs="?", help="a folder or file of bench/")
    bench.add_argument("words", nargs=argparse.REMAINDER, metavar="OPTION", help="handed on to the bench")
    lint = add("lint", "run the linters only")
    lint.add_argument("only", nargs="*", metavar="LINTER", help="only these")
    add("docs", "write the pages that are made from the roles' specifications")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every expected fault is one sentence."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # All of its words are another command's, options and all, which argparse's remainder does not take as its first.
    handed_on = words[1:] if words[:1] == ["fates"] else []
    options = parser().parse_args(words[: len(words) - len(handed_on)])
    options.words = handed_on or getattr(options, "words", [])
    # Late, so that --help needs nothing but Python's own library.
    from frontdoor import commands  # noqa: PLC0415, because the environment may not exist yet

    try:
        return commands.run(options)
    except Refused as refused:
        print(f"lab: {refused}", file=sys.stderr)
        return refused.status
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
