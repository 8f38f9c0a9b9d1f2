"""Results for people, as lines that are safe for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from posthouse.text import shortened, visible

from .items import Item
from .message import Shown


def table(items: Iterable[Item]) -> list[str]:
    """Return one line an item: time, id, class, state, score, size, recipient, sender, subject."""
    lines = []
    for item in items:
        moment = datetime.fromtimestamp(item.at, UTC).strftime("%Y-%m-%d %H:%MZ")
        sender = shortened(visible(item.sender) or "<>", 32)
        words = f"{moment}  {item.id:12}  {item.kind:9}  {item.state:9}  {item.score:6.1f}  {_size(item.size):>6}"
        lines.append(f"{words}  {shortened(visible(item.recipient), 32):32}  {sender:32}  {shortened(visible(item.subject), 60)}")
    return lines


def _size(count: int) -> str:
    for unit in ("", "K", "M"):
        if count < 10000:
            return f"{count}{unit}"
        count //= 1024
    return f"{count}G"


def letter(items: list[Item], shown: Shown) -> list[str]:
    """Return a message: what is known about it, its header, its text, its parts."""
    first = items[0]
    lines = [f"id {first.id}, {first.kind}, score {first.score:.1f}, {first.size} bytes, from {visible(first.client) or 'this machine'}"]
    lines += [f"for {visible(item.recipient)}: {item.state}" for item in items]
    if shown.rules:
        lines.append("rules " + ", ".join(f"{name} {score:g}" for name, score in shown.rules))
    lines.append("")
    lines += [f"{name}: {visible(value)}" for name, value in shown.headers]
    lines += ["", visible(shown.text.replace("\r\n", "\n"), lines=True).rstrip()]
    if len(shown.parts) > 1 or any(part["name"] for part in shown.parts):
        lines.append("")
        lines += [f"part {part['type']} {visible(part['name'])} {part['size']} bytes" for part in shown.parts]
    if shown.cut:
        lines.append("(not all of it)")
    return lines


def totals(answer: dict[str, Any]) -> list[str]:
    """Return a line for each class."""
    lines = []
    for name, one in answer["classes"].items():
        states = ", ".join(f"{count} {state}" for state, count in sorted(one["states"].items()))
        oldest = datetime.fromtimestamp(one["oldest"], UTC).strftime("%Y-%m-%d")
        lines.append(f"{name:10} {one['items']:9}  {one['bytes'] >> 20:7} MB  since {oldest}  {states}")
    lines.append(f"{'all':10} {answer['items']:9}  {answer['bytes'] >> 20:7} MB")
    lines += [f"learning   {count} {state}" for state, count in answer.get("learn", {}).items()]
    return lines
