"""Write a report as one page of HTML: charts and tables, light and dark, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .charts import MOST_COLUMNS, bars, columns
from .kinds import CONNECTION, HANDED_IN, MESSAGE, OWN, RECIPIENT, SESSION
from .report import TOPS, Report

_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c2227; --faint: #667078; --line: #d9dee2; --card: #f6f8f9;
  --ok: #2e8b57; --blocked: #8a94a0; --gone: #b3bcc5; --recipient: #c98a1b; --spam: #c2543d; --infected: #8e2f8e; --banned: #5a4fcf;
  --header: #2f7fb5; --other: #6f7d53; --waiting: #d3b53a; --unknown: #d81b60; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181b; --text: #e4e8eb; --faint: #98a3ab; --line: #343c42; --card: #1c2226;
  --ok: #4fb87f; --blocked: #77828d; --gone: #56606a; --recipient: #dba64a; --spam: #e0745d; --infected: #c06cc0; --banned: #8d84f0;
  --header: #5ba8da; --other: #9bab78; --waiting: #e3cb62; --unknown: #ff5c93; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 64rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; } .faint { color: var(--faint); }
.numbers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.2rem 0; }
.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .9rem; min-width: 9rem; }
.numbers b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .6rem .28rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 500; } td.number, th.number { text-align: right; overflow-wrap: normal; white-space: nowrap; }
td.wrong { color: var(--unknown); font-weight: 700; }
svg { width: 100%; height: auto; display: block; min-width: 34rem; } svg text { font-size: 13px; fill: var(--text); }
svg .name { text-anchor: end; } svg .axis { font-size: 11px; fill: var(--faint); } svg .grid { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; margin: .5rem 0; font-size: .88rem; }
.legend svg { display: inline-block; width: 12px; height: 12px; min-width: 0; margin-right: .4rem; vertical-align: -1px; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 0 2rem; }
"""
_COLOURS = {
    "OK": "ok",
    "SPAMMER BLOCKED": "blocked",
    "SPAMMER DISCONNECTED": "gone",
    "INVALID RECIPIENT": "recipient",
    "SPAM": "spam",
    "BADHEADER": "header",
    "INFECTED": "infected",
    "BAD HELO": "other",
    "BANNED": "banned",
    "WAITING": "waiting",
    "DEFERRED": "waiting",
    "UNATTRIBUTED": "unknown",
}
_FILLS = "".join("." + colour + " { fill: var(--" + colour + "); }\n" for colour in sorted({*_COLOURS.values(), "other"}))


def page(report: Report, title: str = "Fates") -> str:
    """Return the whole page."""
    period = f"{report['from']} to {report['to']}" if report["from"] else "no mail"
    fates = [(row["fate"], row["count"], _COLOURS.get(row["fate"], "other")) for row in report["fates"]]
    taken = next((row for row in report["reconciliation"] if row["unit"] == MESSAGE), {"begun": 0})
    came = next((row for row in report["reconciliation"] if row["unit"] == CONNECTION), {"begun": 0})
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">{escape(period)}, by the hour; {report["lines"]:,} lines of {len(report["machines"])} machines</p>',
        '<div class="numbers">',
        *(
            f"<div><b>{count:,}</b>{escape(what)}</div>"
            for what, count in (("fates", report["total"]), ("connections", came["begun"]), ("messages taken", taken["begun"]))
        ),
        "</div>",
        "<h2>What became of connections and messages</h2>",
        f'<div class="wide">{bars(fates)}</div>' if fates else "<p>Nothing.</p>",
        _over_time(report),
        "<h2>Do the sums agree?</h2>",
        _table(
            ("", "begun", "begun unseen", "sum of fates", ""),
            [
                (row["what"], row["begun"], row["begun_unseen"], row["fates"], "agrees" if row["agrees"] else "DOES NOT AGREE")
                for row in report["reconciliation"]
            ],
        ),
        '<div class="columns">',
        *(_top(heading, report[key]) for key, heading in TOPS),
        "</div>",
        "<h2>What each fate means</h2>",
        _table(
            ("fate", "unit", "count", "percent", "meaning"),
            [(row["fate"], row["unit"], row["count"], f"{row['percent']:.2f}", row["meaning"]) for row in report["fates"]],
        ),
        *(["<h2>Handed in by our people</h2>", _units(report, HANDED_IN.values())] if SESSION in report["units"] else []),
        "<h2>Recipients and messages of our own</h2>",
        _units(report, (RECIPIENT, OWN)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Even a mistake in this file could fetch or run nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}{_FILLS}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _over_time(report: Report) -> str:
    by_hour = len(report["hours"]) <= MOST_COLUMNS
    times: dict[str, Any] = report["hours"] if by_hour else report["days"]
    layers = {}
    names = sorted({(row["fate"], row["unit"]) for row in report["fates"]}, key=lambda pair: (pair[1] != MESSAGE, pair[0] != "OK", pair))
    for fate, unit in names:
        counts = [units.get(unit, {}).get(fate, 0) for units in times.values()]
        layers[f"{fate} ({unit})"] = (_COLOURS.get(fate, "other"), counts)
    legend = "".join(
        f'<li><svg viewBox="0 0 12 12"><rect class="{colour}" width="12" height="12" rx="2"/></svg>{escape(name)}</li>'
        for name, (colour, _) in layers.items()
    )
    heading = "By the hour" if by_hour else "By the day"
    return f'<h2>{heading}</h2><div class="wide">{columns(list(times), layers)}</div><ul class="legend">{legend}</ul>'


def _top(heading: str, rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    return f"<section><h2>{escape(heading)}</h2>{_table(('', 'count'), [(row['name'], row['count']) for row in rows])}</section>"


def _units(report: Report, units: Iterable[str]) -> str:
    return _table(("", "unit", "count"), [(name, unit, count) for unit in units for name, count in report["units"].get(unit, {}).items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def cell(content: Any) -> str:
        if isinstance(content, int):
            return f'<td class="number">{content:,}</td>'
        wrong = ' class="wrong"' if content == "DOES NOT AGREE" else ""
        return f"<td{wrong}>{escape(str(content))}</td>"

    numbers = [isinstance(content, int) for content in (rows[0] if rows else head)]
    top = "".join(f"<th{' class=number' * number}>{escape(name)}</th>" for name, number in zip(head, numbers, strict=True))
    body = "".join(f"<tr>{''.join(cell(content) for content in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'
