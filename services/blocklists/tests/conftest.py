"""What the tests share: a resolver that answers what a test says, on a real socket, and one that needs none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from services.blocklists.blocklists.question import Answer


class Lists:
    """Answers by name: addresses, a fault, or nothing for names that do not exist."""

    def __init__(self) -> None:
        self.known: dict[str, list[str] | str] = {}
        self.world: set[str] = set()
        self.asked: list[str] = []
        self.alive = True

    def lists(self, zone: str, *reversed_addresses: str) -> None:
        for reverse in ("2.0.0.127", *reversed_addresses):
            self.known[f"{reverse}.{zone}"] = ["127.0.0.2"]

    def answers(self) -> bool:
        return self.alive

    def addresses(self, name: str) -> Answer:
        self.asked.append(name)
        found = self.known.get(name, [])
        if any(name.endswith(f".{zone}") for zone in self.world):
            found = ["127.0.0.2"]
        return Answer(fault=found) if isinstance(found, str) else Answer(list(found), milliseconds=7)


@pytest.fixture
def lists() -> Lists:
    return Lists()


class Server(threading.Thread):
    """Answers questions on a port of its own: names to addresses, or to the word of a fault; silent where the word is silence."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.known: dict[str, list[str] | str] = {}
        self.sources: set[str] = set()

    def run(self) -> None:
        while True:
            question, peer = self.socket.recvfrom(4096)
            if not question:
                return
            self.sources.add(peer[0])
            query = dns.message.from_wire(question)
            name = query.question[0].name.to_text(omit_final_dot=True)
            found = self.known.get(name, [])
            if found == "silence":
                continue
            reply = dns.message.make_response(query)
            if isinstance(found, str):
                reply.set_rcode(dns.rcode.from_text(found))
            elif found:
                reply.answer.append(dns.rrset.from_text_list(query.question[0].name, 60, "IN", "A", found))
            else:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(reply.to_wire(), peer)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.join(5)
        self.socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.close()
