"""The command: count fates, or follow one message."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .book import ENTRIES, Book
from .page import page
from .reading import read
from .report import Report, build, printable
from .sources import JOURNAL, Source, SourceError, from_command, from_file, from_stdin
from .writing import comma_separated, text

FINE, INCOMPLETE, USAGE, NOTHING, FAILED = 0, 1, 2, 3, 4
_EXITS = (
    "Exit codes: 0 all was read and the sums agree; 1 a log ended early or could not be read, or the sums do not agree "
    "(what was read is shown); 2 wrong use; 3 nothing was found; 4 nothing could be read, or the report could not be written."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = _joined(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["trace"]:
            from .tracing import main as trace  # noqa: PLC0415, because counting need not load it

            return trace(words[1:])
        return _count(_parser().parse_args(words))
    except SourceError as fault:
        print(f"fates: {printable(str(fault))}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Whoever reads has seen enough; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INCOMPLETE
    except KeyboardInterrupt:
        return 130


def _joined(words: Sequence[str]) -> list[str]:
    """Join times to their options: "--since -1h" is how journalctl takes it, and argparse would see an option of its own in -1h."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("--since", "--until"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options that say which logs are read."""
    parser.add_argument(
        "logs",
        nargs="*",
        metavar="LOG",
        help="files as 'journalctl -o export' or '-o short-iso' writes them, plain, gzip, xz or bzip2; '-' is standard input; "
        "without any, this machine's journal",
    )
    parser.add_argument("--machine", action="append", default=[], metavar="HOST", help="a machine's journal, by ssh; may be repeated")
    parser.add_argument("--ssh", default="ssh", metavar="COMMAND", help="how to reach machines, e.g. 'ssh -F FILE' (default: %(default)s)")
    parser.add_argument("--since", metavar="TIME", help="journals from this time on, as journalctl takes it (default: today)")
    parser.add_argument("--until", metavar="TIME", help="journals up to this time")
    parser.add_argument(
        "--entry",
        action="append",
        metavar="NAME",
        help=f"syslog name of the Postfix instance that faces the world; may be repeated (default: {', '.join(ENTRIES)})",
    )
    parser.add_argument(
        "--submission",
        action="append",
        default=[],
        metavar="HOST",
        help="a machine where people hand in letters; may be repeated (one with a server of port 465 or 587 is known by that)",
    )


def chosen(given: argparse.Namespace) -> list[Source]:
    """Open the logs that the options name. Raises SourceError."""
    times = ["--since", given.since or "today", *(["--until", given.until] if given.until else [])]
    sources = [from_stdin() if name == "-" else from_file(Path(name)) for name in given.logs]
    for host in given.machine:
        if host.startswith("-"):
            raise SourceError(f"{host}: a machine's name does not begin with a hyphen")
        command = [*shlex.split(given.ssh), host, shlex.join([*JOURNAL, *times])]
        sources.append(from_command(f"journal of {host}", command))
    if not sources:
        sources.append(from_command("journal", [*JOURNAL, *times]))
    return sources


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fates",
        description="Say what became of every connection and every message. "
        "'fates trace WHAT' follows one message; 'fates trace --help' tells more.",
        epilog=_EXITS,
    )
    add_sources(parser)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="one JSON object")
    forms.add_argument("--csv", action="store_true", help="one row an hour, unit and fate")
    forms.add_argument("--html", action="store_true", help="one page with charts, complete in itself")
    parser.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write there, whole or not at all, instead of to standard output; the name's end says in which form "
        "(.html, .json, .csv, anything else is text); may be repeated",
    )
    parser.add_argument("--top", type=int, default=10, metavar="N", help="names in each list of the most frequent (default: %(default)s)")
    parser.add_argument("--title", default="Fates", help="heading of the page")
    parser.add_argument("--live", action="store_true", help="follow the journal (or those of --machine) until interrupted")
    parser.add_argument("--every", type=float, default=10, metavar="SECONDS", help="with --live: how often to print (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no word of progress on standard error")
    return parser


def _count(given: argparse.Namespace) -> int:
    book = Book(given.entry or ENTRIES, given.submission)
    if given.live:
        from .live import follow  # noqa: PLC0415, as above

        return follow(given, book, lambda report: _write(given, report))
    sources = chosen(given)
    try:
        faults = read(sources, book, shown=not given.quiet and sys.stderr.isatty())
    finally:
        for source in sources:
            source.close()
    book.close()
    for fault in faults:
        print(f"fates: {printable(fault)}", file=sys.stderr)
    if faults and not book.lines:
        return FAILED
    report = build(book, given.top)
    _write(given, report)
    if faults or not all(row["agrees"] for row in report["reconciliation"]):
        return INCOMPLETE
    return FINE


def _write(given: argparse.Namespace, report: Report) -> None:
    forms: dict[str, Callable[[], str]] = {
        ".json": lambda: json.dumps(report) + "\n",
        ".csv": lambda: comma_separated(report),
        ".html": lambda: page(report, given.title),
    }
    for path in given.output:
        made = forms.get(path.suffix, lambda: text(report))()
        try:
            half = path.with_name(f".{path.name}.{os.getpid()}")
            half.write_text(made, encoding="utf-8")
            half.replace(path)
        except OSError as fault:
            raise SourceError(f"{path}: {fault.strerror}") from fault
    if not given.output:
        wanted = next((form for form in forms if getattr(given, form[1:])), "")
        sys.stdout.write(forms.get(wanted, lambda: text(report))())
        sys.stdout.flush()
