"""What an attacker writes in the clear behind somebody's STARTTLS is never heard by the server once TLS is spoken (CVE-2011-0411)."""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests.attacks import Conversation, hold
from tests.doors import Door, doors, words
from tests.laboratory import Lab
from tests.people import People


def fault(door: Door, secretly: list[str], openly: list[str]) -> str:
    """Say what an injected text did. secretly: the answers when TLS followed, openly: when it did not."""
    protocol = door.protocol
    agreed, *rest = secretly[2:]
    if not re.search(protocol.agrees, agreed):
        # Refused, and the connection ended: whoever is in the middle could have done that without us.
        return "" if "[closed]" in agreed or len(agreed.splitlines()) == 1 else f"refused, but more was said: {agreed!r}"
    # A server that takes the text for the beginning of a handshake says so with an alert (RFC 8446, 6), or waits for the rest of it.
    if openly[3] not in ("", "[silence]") and not openly[3].startswith("\x15\x03"):
        return f"answered in the clear: {openly[3]!r}"
    if rest[0]:
        return "" if re.search("ALERT|EOF|Reset|Timeout", rest[0]) else f"no handshake: {rest[0]!r}"
    asked, parted = rest[-2:]
    if not re.fullmatch(protocol.refused.replace(".", "[^\r]"), asked) or not re.fullmatch(protocol.parted, parted):
        return f"answered in secret: {asked!r} {parted!r}"
    return ""


def test_nothing_injected_behind_starttls_is_heard(lab: Lab, people: People) -> None:
    person = people["bela"]
    right = words(lab, person.uid, person.password, person.mail)
    tried: dict[str, list[tuple[Door, str, tuple[Conversation, Conversation]]]] = defaultdict(list)
    for door in doors(lab):
        for text in door.protocol.injected:
            tried[door.machine].append((door, text, door.inject(text.format(**right))))
        tried[door.machine].append((door, "after a bare line feed", door.inject(door.protocol.injected[0], "\n")))

    def attack(machine: str) -> list[str]:
        attempts = tried[machine]
        answers = hold(lab, machine, [one for _, _, both in attempts for one in both], 8)
        pairs = zip(attempts, answers[::2], answers[1::2], strict=True)
        return [f"{door.name}, {text!r}: {said}" for (door, text, _), secretly, openly in pairs if (said := fault(door, secretly, openly))]

    with ThreadPoolExecutor(len(tried)) as pool:
        faults = [one for some in pool.map(attack, tried) for one in some]
    assert not faults, "\n".join(faults)


def test_without_an_attacker_the_same_words_work(lab: Lab) -> None:
    """An injection that fails because the conversation is wrong anyway shows nothing."""
    for door in doors(lab):
        conversation = door.inject("")[0]
        (answers,) = hold(lab, door.machine, [conversation])
        assert re.search(door.protocol.agrees, answers[2]), (door.name, answers)
        assert re.fullmatch(door.protocol.refused, answers[-2]), (door.name, answers)
        assert re.fullmatch(door.protocol.parted, answers[-1]), (door.name, answers)
