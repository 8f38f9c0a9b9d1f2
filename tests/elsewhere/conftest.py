"""The lab's fixtures, for these tests."""

from tests.filtering import content_filter, readers
from tests.laboratory import lab, people

__all__ = ["content_filter", "lab", "people", "readers"]
