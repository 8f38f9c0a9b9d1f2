"""A group that is gone for good is forgotten by its name, with its volumes and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from services.storage.storage import made
from services.storage.storage.settings import Settings


def test_a_group_is_forgotten_with_its_volumes(tmp_path: Path) -> None:
    settings = Settings("apollo", active=True, state=str(tmp_path))
    file = tmp_path / "made.json"
    assert made.abandon(settings, "mail") == []
    file.write_text(json.dumps({"mail": "a", "mail/home": "a", "mailing": "b"}))
    assert made.abandon(settings, "mail", check=True) == ["mail", "mail/home"]
    assert "mail" in json.loads(file.read_text())
    assert made.abandon(settings, "mail") == ["mail", "mail/home"]
    assert json.loads(file.read_text()) == {"mailing": "b"}
