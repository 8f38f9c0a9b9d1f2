"""Write a report as text for people, or as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from .kinds import HANDED_IN, LETTER, RECIPIENT, SESSION
from .report import TOPS, Report

ANSWER = HANDED_IN[RECIPIENT]


def text(report: Report) -> str:
    """Return the report as a page of text."""
    period = f"{report['from']} to {report['to']}" if report["from"] else "no mail"
    lines = [f"Fates, {period} (by the hour): {report['total']:,} in all", ""]
    lines += [f"{row['count']:12,}  {row['percent']:6.2f} %  {row['fate']:22} {row['unit']}" for row in report["fates"]]
    lines += ["", f"{'':24} {'begun':>12} {'unseen':>9} {'fates':>12}"]
    for row in report["reconciliation"]:
        agrees = "" if row["agrees"] else "  DO NOT AGREE"
        lines.append(f"{row['what']:24} {row['begun']:12,} {row['begun_unseen']:9,} {row['fates']:12,}{agrees}")
    taken = report["units"].get("connection", {}).get("MAIL TAKEN", 0)
    lines.append(f"{'connections with mail':24} {taken:12,}")
    for unit, title in ((SESSION, "Sessions of our people"), (LETTER, "Letters they handed in"), (ANSWER, "Recipients of these")):
        lines += _section(title, report["units"].get(unit, {}))
    lines += _section("Messages of our own", report["units"].get("own message", {}))
    lines += _section("Recipients, by single answer and delivery", report["recipients"])
    for key, title in TOPS:
        lines += _section(title, {row["name"]: row["count"] for row in report[key]})
    if report["lines_odd"]:
        lines += ["", f"{report['lines_odd']:,} lines are no log lines"]
    if report["settled_early"]:
        lines += ["", f"{report['settled_early']:,} were settled before their end was read: too many were open at once"]
    return "\n".join(lines) + "\n"


def _section(title: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    return ["", title] + [f"{count:12,}  {name}" for name, count in counts.items()]


def comma_separated(report: Report) -> str:
    """Return one row for each hour, unit and fate that was seen."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["hour", "unit", "fate", "count"])
    for hour, units in report["hours"].items():
        for unit, fates in units.items():
            writer.writerows([_harmless(hour), unit, fate, count] for fate, count in fates.items())
    return out.getvalue()


def _harmless(cell: Any) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    content = str(cell)
    return "'" + content if content[:1] in ("=", "+", "-", "@", "\t", "\r") else content
