"""Logins in quick succession: none may hang. Seen: 3 of 100 did, until proxy_no_multiplex (roles/proxy) took the cause away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People

LOGINS = 200  # at 3 of 100 the chance to miss the fault is 1 in 440


def test_no_login_of_many_hangs(lab: Lab, people: People) -> None:
    def visit(number: int) -> str:
        person = people["alma" if number % 2 else "bela"]
        try:
            with lab.imap(person) as client:
                client.sock.settimeout(10)
                post.find(client, "nothing")
        except (OSError, post.IMAP_ERROR) as fault:
            return f"{person.uid}: {fault}"
        return ""

    with ThreadPoolExecutor(4) as pool:
        faults = [fault for fault in pool.map(visit, range(LOGINS)) if fault]
    assert not faults
