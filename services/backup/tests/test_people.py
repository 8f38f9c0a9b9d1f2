"""What the directory says of people, and what follows."""

from collections.abc import Mapping, Sequence

from services.backup.backup.people import people
from services.backup.backup.settings import parse

from .test_settings import given

PEOPLE: dict[str, Mapping[str, Sequence[bytes]]] = {
    "uid=joe": {"uid": [b"joe"], "mailHost": [b"HERMES.example.org"], "entryUUID": [b"e1"]},
    "uid=ann": {"uid": [b"ann"], "entryUUID": [b"e2"], "accountStatus": [b"deleted"]},
    "uid=far": {"uid": [b"far"], "mailHost": [b"apollo.example.org"], "entryUUID": [b"e3"]},
    "uid=odd": {"uid": [b"o/dd"], "entryUUID": [b"e4"]},
}


def search(query: str, attributes: list[str]) -> Mapping[str, Mapping[str, Sequence[bytes]]]:
    """Answer as a directory would: joe is staff and short, ann is short."""
    # A directory says nothing of what it is not asked for.
    assert attributes == ["uid"] or set(attributes) >= {"uid", "mailHost", "entryUUID", "accountStatus"}
    if "(staff)" in query:
        return {"uid=joe": {"uid": [b"joe"]}}
    if "(short)" in query:
        return {name: PEOPLE[name] for name in ("uid=joe", "uid=ann")}
    return PEOPLE


def test_each_persons_store_days_and_refusal() -> None:
    classes = [{"name": "staff", "filter": "(staff)", "days": 90}, {"name": "short", "filter": "(short)", "days": 7}]
    found = {one.uid: one for one in people(parse(given(**{"class": classes})), search, "(uid=*)")}
    assert [(uid, one.store, one.kind, one.days) for uid, one in found.items()] == [
        ("ann", "hermes.example.org", "short", 7),
        ("far", "apollo.example.org", "", 30),
        ("joe", "hermes.example.org", "staff", 90),
        ("o/dd", "hermes.example.org", "", 30),
    ]
    assert [uid for uid, one in found.items() if one.refused] == ["far", "o/dd"]
    assert "no mailstore" in found["far"].refused
    assert found["joe"].entry == "e1"
    assert [uid for uid, one in found.items() if one.deleted] == ["ann"]
