"""What every test run needs to know: which tests need the lab, and are therefore only run when somebody names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Units are tested with the processor's time that a lab leaves (frontdoor/suite.py): how long one example took says nothing of our code.
settings.register_profile("unhurried", settings(deadline=None))
settings.load_profile("unhurried")

NEED_THE_LAB = {"cluster", "faults", "journals", "machines", "added", "elsewhere", "limited", "backup", "storage", "storage_long"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/cluster and its like alone unless the command line names them: they speak with running machines."""
    here = Path(__file__).parent
    if collection_path.parent == here and collection_path.name in NEED_THE_LAB:
        named = any((here / collection_path.name) in [asked, *asked.parents] for asked in _asked(config))
        return None if named else True
    return None


def _asked(config: pytest.Config) -> list[Path]:
    return [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
