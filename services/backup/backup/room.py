"""How much of the disk is free, and for whom."""

from __future__ import annotations

import shutil

from .settings import Settings


class FullError(OSError):
    """There is no room for what is not urgent."""


def free(settings: Settings) -> int:
    """Return how many bytes of the disk anybody may still write."""
    return shutil.disk_usage(settings.home).free


def needed(settings: Settings, more: int = 0) -> None:
    """Raise FullError when less is free than copies need for themselves. more: bytes about to be written.

    Copies of what is delivered now come first: they stop at minimum_free (Postfix's queue_minfree); mirrors, restores into scratch
    and drills at twice as much, because they can be made again.
    """
    if (left := free(settings)) - more < 2 * settings.minimum_free:
        raise FullError(f"{settings.home} has {left >> 20} MB free of the {2 * settings.minimum_free >> 20} MB that stay for copies")
