"""The tree task in a pretended world."""

from tests.architecture.pretending._plugins import Tree as ActionModule

__all__ = ["ActionModule"]
