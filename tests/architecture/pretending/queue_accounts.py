"""The queue_accounts task in a pretended world."""

from tests.architecture.pretending._plugins import Queue as ActionModule

__all__ = ["ActionModule"]
