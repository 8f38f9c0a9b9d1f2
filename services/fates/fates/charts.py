"""Draw charts as SVG that stands inside the page: no script, no style but the page's own classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

#: Columns that can be told apart on one chart.
MOST_COLUMNS = 240
_WIDTH = 960
_HEIGHT = 220
_LEFT = 64
_BOTTOM = 24


def bars(rows: Sequence[tuple[str, int, str]]) -> str:
    """Draw one bar a row: name, count, class of the colour."""
    highest = max((count for _, count, _ in rows), default=0) or 1
    height = len(rows) * 26 + 4
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="bars">']
    for number, (name, count, colour) in enumerate(rows):
        y = number * 26 + 4
        width = max(count / highest * (_WIDTH - 400), 1)
        parts.append(
            f'<text class="name" x="246" y="{y + 15}">{escape(_short(name, 34))}</text>'
            f'<rect class="{escape(colour)}" x="256" y="{y}" width="{width:.1f}" height="20" rx="2">'
            f"<title>{escape(name)}: {count:,}</title></rect>"
            f'<text class="value" x="{262 + width:.1f}" y="{y + 15}">{count:,}</text>'
        )
    return "".join([*parts, "</svg>"])


def columns(times: Sequence[str], layers: Mapping[str, tuple[str, Sequence[int]]]) -> str:
    """Draw stacked columns over time. layers: name to class of the colour and one count a time, the lowest layer first."""
    if not times:
        return ""
    sums = [sum(counts[at] for _, counts in layers.values()) for at in range(len(times))]
    top = _round_up(max(sums) or 1)
    step = (_WIDTH - _LEFT) / len(times)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BOTTOM}" role="img" aria-label="columns over time">']
    for part in range(5):
        y = _HEIGHT - part * (_HEIGHT - 12) / 4
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" text-anchor="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{top * part // 4:,}</text>'
        )
    for at, time in enumerate(times):
        parts.append(_column(at, time, step, top, layers, sums[at]))
    every = max(1, math.ceil(len(times) / 8))
    parts += [
        f'<text class="axis" x="{_LEFT + at * step:.1f}" y="{_HEIGHT + 18}">{escape(times[at][-8:])}</text>'
        for at in range(0, len(times), every)
    ]
    return "".join([*parts, "</svg>"])


def _column(at: int, time: str, step: float, top: int, layers: Mapping[str, tuple[str, Sequence[int]]], whole: int) -> str:
    y = float(_HEIGHT)
    told = [f"{time}: {whole:,}"]
    drawn = []
    for name, (colour, counts) in layers.items():
        if not counts[at]:
            continue
        height = counts[at] / top * (_HEIGHT - 12)
        y -= height
        told.append(f"{name} {counts[at]:,}")
        drawn.append(
            f'<rect class="{escape(colour)}" x="{_LEFT + at * step:.2f}" y="{y:.2f}" width="{step * 0.86:.2f}" height="{height:.2f}"/>'
        )
    return f"<g><title>{escape(', '.join(told))}</title>{''.join(drawn)}</g>"


def _round_up(number: int) -> int:
    """Return a number of one or two digits and zeros that is not smaller, and can be divided by four."""
    power = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number // (power * 4)) * power * 4


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
