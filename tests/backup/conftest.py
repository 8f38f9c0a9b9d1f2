"""The lab's fixtures, for these tests."""

from tests.laboratory import lab, people

__all__ = ["lab", "people"]
