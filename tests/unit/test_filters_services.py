"""A service's modules, as files on a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from filter_plugins.services import service_files

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_of_the_service_and_nothing_else() -> None:
    files = service_files("fates", "/usr/lib/posthouse/fates")
    package = ROOT / "services/fates/fates"
    assert {Path(path).name for path in files} == {path.name for path in package.glob("*.py")}
    assert files["/usr/lib/posthouse/fates/fates/book.py"] == (package / "book.py").read_text(encoding="utf-8")


def test_migrations_travel_with_their_service() -> None:
    files = service_files("quarantine", "/usr/lib/posthouse/quarantine")
    assert "/usr/lib/posthouse/quarantine/quarantine/migrations/0001_filter.sql" in files


def test_what_services_share_travels_with_those_that_use_it() -> None:
    beside = "/usr/lib/posthouse/signatures/posthouse/journal.py"
    assert service_files("signatures", "/usr/lib/posthouse/signatures")[beside] == (
        ROOT / "services/posthouse/posthouse/journal.py"
    ).read_text(encoding="utf-8")
    assert not any("/posthouse/posthouse/" in path for path in service_files("fates", "/usr/lib/posthouse"))


@pytest.mark.parametrize("name", sorted(path.parents[1].name for path in (ROOT / "services").glob("*/*/command.py")))
def test_what_travels_is_all_that_a_service_needs_of_ours(name: str, tmp_path: Path) -> None:
    for path, content in service_files(name, str(tmp_path)).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content, encoding="utf-8")
    starter = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {name}.command"
    done = subprocess.run([sys.executable, "-IB", "-c", starter], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_service_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no service recipient:"):
        service_files("recipient", "/usr/lib")
