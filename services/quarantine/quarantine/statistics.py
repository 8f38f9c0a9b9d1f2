"""How much is kept, and what became of it."""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

from typing import Any

from .database import Database
from .items import Scope
from .settings import CLASS_OF, CLASSES


def totals(database: Database, scope: Scope, since: int = 0) -> dict[str, Any]:
    """Return counts by class and by what became of the items; an item is a message for one recipient. since: seconds since 1970."""
    mine, values = scope.condition(database)
    rows = database.rows(
        "SELECT IF(r.content = ' ', m.content, r.content), IF(r.rs IN (' ', 'V'), IF(r.ds = 'P', 'delivered', 'held'), r.rs),"
        " COUNT(*), SUM(m.size), MIN(m.time_num), MAX(m.time_num)"
        " FROM msgs m JOIN msgrcpt r USING (partition_tag, mail_id)"
        f" WHERE m.quar_type = 'Q' AND m.content IS NOT NULL AND m.time_num >= %s AND {mine} GROUP BY 1, 2",
        (since, *values),
    )
    words = {"R": "released", "p": "pending", "D": "deleted", "C": "confirmed"}
    classes: dict[str, dict[str, Any]] = {}
    for letter, state, count, size, oldest, newest in rows:
        one = classes.setdefault(CLASS_OF.get(letter, "error"), {"items": 0, "bytes": 0, "oldest": int(oldest), "newest": 0, "states": {}})
        one["items"] += int(count)
        one["bytes"] += int(size)
        one["oldest"] = min(one["oldest"], int(oldest))
        one["newest"] = max(one["newest"], int(newest))
        word = words.get(state, state)
        one["states"][word] = one["states"].get(word, 0) + int(count)
    answer: dict[str, Any] = {"classes": {name: classes[name] for name in CLASSES if name in classes}}
    answer["items"] = sum(one["items"] for one in classes.values())
    answer["bytes"] = sum(one["bytes"] for one in classes.values())
    if scope.addresses is None:
        answer["learn"] = {state: int(count) for state, count in database.rows("SELECT state, COUNT(*) FROM learn GROUP BY state")}
    return answer
