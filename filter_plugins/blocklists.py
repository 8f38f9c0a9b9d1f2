"""Filters that hand a site's DNS lists to those who use them: the screen, the resolver, the mirror, the health check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Listed = Mapping[str, Any]

_ZONE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)+")
_NUMBER = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_OCTET = rf"(?:{_NUMBER}|\[{_NUMBER}(?:\.\.{_NUMBER})?(?:;{_NUMBER}(?:\.\.{_NUMBER})?)*\])"
_ANSWERS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_TYPE = re.compile(r"ip4set|ip4tset|ip4trie|ip6trie|ip6tset|dnset|generic|combined")
#: Where rbldnsd finds what was fetched, and what the site itself lists.
FETCHED, OWN = "/var/lib/posthouse-blocklists/mirror", "/etc/posthouse/blocklists"
# What postscreen would read as something else, in a text that stands in a file of its own and in a reply of SMTP (RFC 5321 4.2.1).
_UNSPEAKABLE = re.compile(r"[^\x20-\x7e]|;")
_LONGEST_REPLY = 200


def _checked(listed: Listed) -> Listed:
    """Raise ValueError naming what is wrong with a list."""
    zone = str(listed.get("zone", ""))
    if not _ZONE.fullmatch(zone):
        raise ValueError(f"{zone!r} is no zone of a DNS list")
    answers = listed.get("answers") or []
    for pattern in [answers] if isinstance(answers, str) else answers:
        if not _ANSWERS.fullmatch(pattern):
            raise ValueError(f"{zone}: {pattern!r} is no filter of answers: write it like 127.0.0.2 or 127.0.0.[2;4..11]")
    if not -99 <= int(listed.get("weight", 1)) <= 99:
        raise ValueError(f"{zone}: the weight {listed['weight']} is not between -99 and 99")
    reply = str(listed.get("reply") or "")
    if _UNSPEAKABLE.search(reply) or len(reply) > _LONGEST_REPLY:
        raise ValueError(f"{zone}: a reply is one line of at most {_LONGEST_REPLY} ASCII characters without a semicolon")
    if listed.get("servers") and listed.get("datasets"):
        raise ValueError(f"{zone}: either its servers are asked or its datasets are served here, not both")
    return listed


def blocklists_pick(lists: Iterable[Listed], *keys: str) -> list[dict[str, Any]]:
    """Return of each list what somebody needs of it, after checking all of it. Raises ValueError naming the list and the fault."""
    return [{key: listed[key] for key in ("zone", *keys) if listed.get(key) not in (None, "")} for listed in map(_checked, lists)]


def blocklists_watched(lists: Iterable[Listed]) -> list[dict[str, Any]]:
    """Return each zone once, for the health check and the mirror: zone, answers (any of these patterns), test_address, datasets.

    A zone may stand in several items, with a weight for each kind of answer.
    """
    found: dict[str, dict[str, Any]] = {}
    everything: set[str] = set()
    for listed in map(_checked, lists):
        zone = str(listed["zone"])
        entry = found.setdefault(zone, {"zone": zone, "answers": []})
        if listed.get("answers"):
            entry["answers"].append(str(listed["answers"]))
        else:
            everything.add(zone)
        for key in ("test_address", "datasets"):
            if listed.get(key) and entry.setdefault(key, listed[key]) != listed[key]:
                raise ValueError(f"{zone} has two different {key}: say it once")
    for zone in everything:
        found[zone]["answers"] = []
    return list(found.values())


def blocklists_forward_zones(lists: Iterable[Listed], address: str, port: int) -> list[dict[str, Any]]:
    """Return the zones of lists whose servers are known: name, servers, port. address, port: of the local mirror."""
    zones: list[dict[str, Any]] = []
    for listed in map(_checked, lists):
        if any(zone["name"] == listed["zone"] for zone in zones):
            continue
        if listed.get("datasets"):
            zones.append({"name": listed["zone"], "servers": [address], "port": port})
        elif listed.get("servers"):
            zones.append({"name": listed["zone"], "servers": list(listed["servers"]), "port": listed.get("port", 53)})
    return zones


def blocklists_datasets(lists: Iterable[Listed]) -> list[dict[str, Any]]:
    """Return what rbldnsd serves: zone, type, source (of rsync; empty for the site's own), entries, files in the order they are read.

    Raises ValueError for a dataset that rbldnsd does not know.
    """
    found: list[dict[str, Any]] = []
    for listed in map(_checked, lists):
        for number, dataset in enumerate(listed.get("datasets") or []):
            kind, zone = str(dataset["type"]), listed["zone"]
            if not _TYPE.fullmatch(kind):
                raise ValueError(f"{zone}: rbldnsd knows no dataset {kind}")
            source = str(dataset.get("rsync") or "")
            own = f"{OWN}/{zone}.{kind}"
            files = [f"{FETCHED}/{zone}.{kind}.{number}"] if source else [own, f"{own}.local"]
            entries = [str(entry) for entry in dataset.get("entries") or []]
            if source and entries:
                raise ValueError(f"{zone}: a dataset is fetched or the site's own, not both: give the entries a dataset of their own")
            found.append({"zone": zone, "type": kind, "source": source, "entries": entries, "files": files})
    return found


def blocklists_own_file(dataset: Mapping[str, Any], hostmaster: str) -> str:
    """Write the file of a dataset of the site's own: whose it is, its test entry (RFC 5782 section 5), and the inventory's entries."""
    mailbox = hostmaster.replace("@", ".")
    lines = [
        "# Posthouse: role blocklists. Changes here are undone by the next run; the file beside it, .local, is yours.",
        f"$SOA 10 localhost {mailbox} 0 1h 15m 1w 10",
        "$NS 300 localhost",
        "$TTL 10",
    ]
    if str(dataset["type"]).startswith("ip4"):
        lines += [":127.0.0.2:Listed here: $", "127.0.0.2"]
    return "\n".join([*lines, *dataset["entries"]]) + "\n"


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "blocklists_datasets": blocklists_datasets,
            "blocklists_forward_zones": blocklists_forward_zones,
            "blocklists_own_file": blocklists_own_file,
            "blocklists_pick": blocklists_pick,
            "blocklists_watched": blocklists_watched,
        }
