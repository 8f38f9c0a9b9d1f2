"""DANE before MTA-STS, and a fault of either makes mail wait."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from posthouse.settings import SettingsError

from services.tls_policy.tls_policy import command, dane, service, socketmap
from services.tls_policy.tls_policy.settings import Settings, load

KEY = "ab" * 32
SIGNED = {
    "dane.test MX": "10 mx.dane.test.",
    "mx.dane.test A": "192.0.2.1",
    "_25._tcp.mx.dane.test TLSA": f"3 1 1 {KEY}",
    "six.test MX": "10 mx.six.test.",
    "mx.six.test AAAA": "2001:db8::1",
    "_25._tcp.mx.six.test TLSA": f"2 0 2 {KEY}{KEY}",
    "half.test MX": "10 mx.plain.test.\n20 mx.dane.test.",
    "plain.test MX": "10 mx.plain.test.",
    "mx.plain.test A": "192.0.2.12",
    "pkix.test MX": "10 mx.pkix.test.",
    "mx.pkix.test A": "192.0.2.3",
    "_25._tcp.mx.pkix.test TLSA": f"1 1 1 {KEY}",
    "itself.test A": "192.0.2.4",
    "_25._tcp.itself.test TLSA": f"3 1 1 {KEY}",
    "nomail.test MX": "0 .",
    "elsewhere.test MX": "10 mx.unsigned.test.",
    "broken.test MX": "10 mx.broken.test.",
    "mx.broken.test A": "192.0.2.5",
}
UNSIGNED = {
    "unsigned.test MX": "10 mx.dane.test.",
    "mx.unsigned.test A": "192.0.2.6",
    "_25._tcp.mx.unsigned.test TLSA": f"3 1 1 {KEY}",
}
FAILING = {"_25._tcp.mx.broken.test TLSA", "bogus.test MX"}


async def world(name: dns.name.Name, kind: str) -> dns.message.Message:
    """A resolver that knows the tables above."""
    question = f"{name.to_text(omit_final_dot=True)} {kind}"
    answer = dns.message.make_response(dns.message.make_query(name, kind), recursion_available=True)
    if question in FAILING:
        answer.set_rcode(dns.rcode.SERVFAIL)
        return answer
    if question not in UNSIGNED and not name.is_subdomain(dns.name.from_text("unsigned.test")):
        answer.flags |= dns.flags.AD
    if text := SIGNED.get(question) or UNSIGNED.get(question):
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *text.splitlines()))
    return answer


@pytest.mark.parametrize(
    ("domain", "promised", "hosts"),
    [
        ("dane.test", True, {"mx.dane.test": "USABLE"}),
        ("six.test", True, {"mx.six.test": "USABLE"}),
        ("half.test", True, {"mx.plain.test": "NONE", "mx.dane.test": "USABLE"}),
        ("itself.test", True, {"itself.test": "USABLE"}),
        ("plain.test", False, {"mx.plain.test": "NONE"}),
        # What a browser's authority signs is no promise between mail servers (RFC 7672 section 3.1.3).
        ("pkix.test", False, {"mx.pkix.test": "NONE"}),
        # A key that anybody may have put there, or an exchanger that anybody may have named.
        ("elsewhere.test", False, {"mx.unsigned.test": "UNSIGNED"}),
        ("unsigned.test", False, {"mx.dane.test": "UNSIGNED"}),
        ("nomail.test", False, {}),
        ("..", False, {}),
    ],
)
def test_what_dns_promises(domain: str, promised: bool, hosts: dict[str, str]) -> None:
    finding = asyncio.run(dane.look(world, domain))
    assert finding.promised is promised
    assert {host: keys.name for host, keys in finding.hosts.items()} == hosts


@pytest.mark.parametrize("domain", ["bogus.test", "broken.test"])
def test_dns_that_fails_leaves_nobody_believing_there_are_no_keys(domain: str) -> None:
    with pytest.raises(dane.UnsureError):
        asyncio.run(dane.look(world, domain))


def test_a_resolver_that_is_away_is_a_fault() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        query = dane.resolver("127.0.0.1", held.getsockname()[1], 0.2)
        with pytest.raises(dane.UnsureError, match="Timeout"):
            asyncio.run(dane.look(query, "dane.test"))


@contextlib.asynccontextmanager
async def sts(policies: Mapping[str, str]) -> AsyncIterator[tuple[int, list[str]]]:
    """A stand-in for the daemon that knows policies; what it was asked is kept."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await socketmap.receive(reader))
        writer.write(socketmap.netstring(policies.get(asked[-1].removeprefix("postfix "), "NOTFOUND ")))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def ask(*keys: str, policies: Mapping[str, str], port: int | None = None) -> tuple[list[str], list[str]]:
    """Ask for keys over one connection; the answers, and what MTA-STS was asked."""

    async def all_of_it() -> tuple[list[str], list[str]]:
        async with sts(policies) as (sts_port, asked):
            judge = service.Policies(Settings(sts_port=port or sts_port, patience=1.0, restart=0.3), world)
            ours, theirs = socket.socketpair()
            reader, writer = await asyncio.open_connection(sock=ours)
            talk = asyncio.create_task(service.converse(judge, *await asyncio.open_connection(sock=theirs)))
            answers = []
            for key in keys:
                writer.write(socketmap.netstring(f"policy {key}"))
                answers.append(await socketmap.receive(reader))
            writer.close()
            await talk
            return answers, asked

    return asyncio.run(all_of_it())


POLICY = "OK secure match=mx.plain.test servername=hostname"


def test_dane_wins_over_a_policy() -> None:
    answers, asked = ask("dane.test", "plain.test", "PLAIN.test", policies={"dane.test": POLICY, "plain.test": POLICY})
    assert answers == ["NOTFOUND ", POLICY, POLICY]
    assert asked == ["postfix plain.test", "postfix plain.test"], "what DANE rules is no question for MTA-STS"


def test_what_is_no_domain_has_no_policy() -> None:
    odd = [".test", "[mx.plain.test]", "[mx.plain.test]:25", "plain.test:26", "192.0.2.1", "2001:db8::1", "pl\u00e4in.test", "", "a b"]
    answers, asked = ask(*odd, policies=dict.fromkeys(odd, POLICY))
    assert answers == ["NOTFOUND "] * len(odd)
    assert asked == []


def test_nobody_promises_anything() -> None:
    assert ask("plain.test", "unsigned.test", policies={})[0] == ["NOTFOUND ", "NOTFOUND "]


def test_a_fault_anywhere_makes_mail_wait() -> None:
    answers, _ = ask("bogus.test", "broken.test", policies={"bogus.test": POLICY})
    assert [answer.split()[0] for answer in answers] == ["TEMP", "TEMP"]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        answers, _ = ask("plain.test", "dane.test", policies={}, port=closed.getsockname()[1])
    assert answers == ["TEMP MTA-STS does not answer", "NOTFOUND "], "who has keys in DNS needs no policy"


def test_a_daemon_that_restarts_is_waited_for() -> None:
    async def restart() -> tuple[str, str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        question = asyncio.create_task(service.Policies(Settings(sts_port=port), world).answer("plain.test"))
        await asyncio.sleep(0.3)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await socketmap.receive(reader)
            writer.write(socketmap.netstring(POLICY))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", port):
            return await question

    assert asyncio.run(restart()) == ("OK", POLICY.removeprefix("OK "))


@pytest.mark.parametrize("data", [b"x", b"4:ab", b"3:abcd", b"99999999:", b"-1:,", b"7" * 100_000, b":,"])
def test_strangers_are_hung_up_on(data: bytes) -> None:
    async def talk() -> bytes:
        judge = service.Policies(Settings(), world)
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        conversation = asyncio.create_task(service.converse(judge, *await asyncio.open_connection(sock=theirs)))
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        await conversation
        writer.close()
        return answer

    assert asyncio.run(talk()) == b""


def test_settings(tmp_path: Path) -> None:
    file = tmp_path / "tls-policy.toml"
    file.write_text('resolver = "127.0.0.2"\npatience = 3\n')
    assert load(file) == Settings(resolver="127.0.0.2", patience=3)
    for text, says in [
        ("resolvers = 1", "unknown setting resolvers"),
        ("resolver = 1", "resolver is not"),
        ("resolver", "tls-policy.toml"),
    ]:
        file.write_text(text)
        with pytest.raises(SettingsError, match=says):
            load(file)
    assert command.main(["--configuration", str(tmp_path / "none"), "verify"]) == 2


def test_check_says_it_to_people_and_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tls-policy.toml"
    file.write_text("sts_port = 1\nrestart = 0\n")  # nobody listens there
    monkeypatch.setattr(service, "resolver", lambda *_: world)
    assert command.main(["--configuration", str(file), "check", "--json", "dane.test."]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "domain": "dane.test",
        "rules": "DANE",
        "hosts": {"mx.dane.test": "keys in signed DNS"},
        "policy": "",
    }
    assert command.main(["--configuration", str(file), "check", "plain.test"]) == 1
    assert capsys.readouterr().out.startswith(
        "plain.test: nothing: mail waits, for MTA-STS does not answer\n  mx.plain.test: no keys in DNS\n"
    )
    assert command.main(["--configuration", str(file), "check", "bogus.test"]) == 1
