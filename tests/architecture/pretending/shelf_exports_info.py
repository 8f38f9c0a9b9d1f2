"""The shelf_exports_info task in a pretended world."""

from tests.architecture.pretending._plugins import Exports as ActionModule

__all__ = ["ActionModule"]
