"""Which inventory the lab follows that is up: the plain one, or one with storage."""

from collections.abc import Container
from pathlib import Path

from frontdoor import paths
from frontdoor.landscape import Landscape


def inventory() -> Path:
    """The folder whose machines our configuration of ssh names, for whoever made them wrote it; the plain lab's when none fits."""
    named = {words[1] for line in _configuration() if len(words := line.split()) == 3 and words[0] == "Host"}
    for folder in (paths.STORAGE_INVENTORY, paths.CHECKOUT / "molecule" / "storage" / "inventory"):
        if named and named == set(Landscape(folder).hosts):
            return folder
    return paths.INVENTORY


def forget_stand_ins(site: Path, there: Container[str]) -> list[str]:
    """Have mailstores at home again whose failover was of a lab that is no more: with its shelves went what they kept.

    there: names of containers, in any state. Returns sentences.
    """
    if any(shelf in there for shelf in Landscape(site).groups.get("shelf", [])):
        return []
    said = []
    for note in sorted((site / "host_vars").glob("*/stand_in.yml")):
        note.unlink()
        said.append(f"{note.parent.name} is at home again: the lab in which it was elsewhere is gone.")
    return said


def _configuration() -> list[str]:
    return paths.SSH_CONFIG.read_text().splitlines() if paths.SSH_CONFIG.exists() else []
