"""The storage_volumes task in a pretended world."""

from tests.architecture.pretending._plugins import Volumes as ActionModule

__all__ = ["ActionModule"]
