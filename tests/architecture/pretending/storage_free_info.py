"""The storage_free_info task in a pretended world."""

from tests.architecture.pretending._plugins import Free as ActionModule

__all__ = ["ActionModule"]
