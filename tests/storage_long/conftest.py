"""The fixtures of tests/storage, for what takes too long for every run."""

from tests.laboratory import lab
from tests.storage.conftest import rosa, shelf, store

__all__ = ["lab", "rosa", "shelf", "store"]
