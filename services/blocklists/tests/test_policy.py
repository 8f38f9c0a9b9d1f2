"""Changes of the policy zone, on the wire, signed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring
import dns.update
import pytest

from services.blocklists.blocklists.policy import Policy, PolicyError

ZONE = "taken-out.posthouse"
SECRET = "c2VjcmV0LW9mLXRoZS1wb2xpY3ktem9uZS0wMTIzNDU="
KEY = f'key "posthouse-taken-out" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n'
KEYRING = dns.tsigkeyring.from_text({"posthouse-taken-out": ("hmac-sha256", SECRET)})


class Names(threading.Thread):
    """A name server with one zone, by TCP: answers for what stands in it and takes signed changes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stands = {f"b.test.{ZONE}."}
        self.changes: list[str] = []
        self.refuses = False

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                query, _ = dns.query.receive_tcp(connection, keyring=KEYRING)
                reply = dns.message.make_response(query)
                if isinstance(query, dns.update.UpdateMessage):
                    assert query.had_tsig
                    self.changes += [f"{rrset.name} {dns.rdatatype.to_text(rrset.rdtype)}" for rrset in query.update]
                    reply.set_rcode(dns.rcode.REFUSED if self.refuses else dns.rcode.NOERROR)
                elif query.question[0].name.to_text() in self.stands:
                    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "CNAME", "."))
                else:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                dns.query.send_tcp(connection, reply.to_wire())


@pytest.fixture
def names() -> Iterator[Names]:
    running = Names()
    running.start()
    yield running
    running.listener.shutdown(socket.SHUT_RDWR)
    running.listener.close()
    running.join(5)


@pytest.fixture
def policy(names: Names, tmp_path: Path) -> Policy:
    (tmp_path / "key").write_text(KEY)
    return Policy("127.0.0.1", ZONE, tmp_path / "key", 2, names.port)


def test_what_stands_there(policy: Policy) -> None:
    assert policy.out(["a.test", "b.test"]) == {"b.test"}


def test_a_zone_and_all_below_it_go_and_come_together(policy: Policy, names: Names) -> None:
    policy.change({"a.test"}, {"b.test"})
    assert [change for change in names.changes if change.endswith("CNAME")]
    assert {change.split(f".{ZONE}")[0] for change in names.changes} == {"a.test", "*.a.test", "b.test", "*.b.test"}


def test_nothing_to_change_asks_nobody(policy: Policy, names: Names) -> None:
    policy.change(set(), set())
    assert names.changes == []


def test_a_server_that_refuses(policy: Policy, names: Names) -> None:
    names.refuses = True
    with pytest.raises(PolicyError, match="refused the change: REFUSED"):
        policy.change({"a.test"}, set())


def test_keys_that_are_none(policy: Policy, tmp_path: Path) -> None:
    policy.key.write_text("rubbish")
    with pytest.raises(PolicyError, match="holds no key"):
        policy.change({"a.test"}, set())
    policy.key = tmp_path / "nothing"
    with pytest.raises(PolicyError, match="No such file"):
        policy.change({"a.test"}, set())


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=ZONE):
        Policy("127.0.0.1", ZONE, tmp_path / "key", 0.5, 1).out(["a.test"])
