"""After `--limit mx1` the exchanger is what it was together with all others, and the others were not touched."""

from __future__ import annotations

import json

from frontdoor import paths
from tests import snapshot


def test_every_machine_is_as_before() -> None:
    before = json.loads((paths.STATE / "before.json").read_text(encoding="utf-8"))
    after = snapshot.take(list(before))
    changed = {name: snapshot.differences(before[name], after[name]) for name in before}
    assert not any(changed.values()), {name: files for name, files in changed.items() if files}
