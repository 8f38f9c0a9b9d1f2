"""From Postfix's question to the answer."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from services.rates.rates import command
from services.rates.rates.counting import Counter
from services.rates.rates.letters import Occasion, compose
from services.rates.rates.limits import Holder, Numbers
from services.rates.rates.local import Local
from services.rates.rates.people import NUMBER, person
from services.rates.rates.policy import ProtocolError, Server, answer, requests
from services.rates.rates.service import Service
from services.rates.rates.settings import Settings

from .conftest import Clock, question


class Everybody:
    """A directory in which bo has a number."""

    def find(self, login: str) -> tuple[int | None, str]:
        return (20 if login == "bo" else -1 if login == "list" else None), f"{login}@madstop.test" if login != "ghost" else ""

    def status(self) -> Mapping[str, object]:
        return {"state": "current", "fault": None}


@pytest.fixture
def letters() -> list[EmailMessage]:
    return []


@pytest.fixture
def service(settings: Settings, clock: Clock, letters: list[EmailMessage]) -> Service:
    return Service(settings, Counter(Local(settings.window, settings.most_waiting, clock), None, clock), Everybody(), letters.append)


def test_a_person_is_stopped_exactly_at_the_number(service: Service, letters: list[EmailMessage]) -> None:
    said = [service.decide(question()) for _ in range(11)]
    assert said[:10] == ["DUNNO"] * 10
    assert said[10] == "HOLD more than 10 recipients in 3600 s by person:al"
    assert [letter["To"] for letter in letters] == ["al@madstop.test", "al@madstop.test", "postmaster@madstop.test"]
    assert [letter["Subject"] for letter in letters] == [
        "You write to many people",
        "Your letter waits to be looked at",
        "A letter of al waits to be looked at",
    ]


def test_one_letter_to_many_is_told_of_once_and_smaller_ones_pass(service: Service, letters: list[EmailMessage]) -> None:
    assert service.decide(question(11)).startswith("HOLD ")
    assert service.decide(question(10)) == "DUNNO"
    assert service.decide(question(1)).startswith("HOLD ")
    assert len(letters) == 2


def test_a_login_is_one_person_however_it_is_written(service: Service) -> None:
    assert service.decide(question(10, "AL")) == "DUNNO"
    assert service.decide(question(1, "al", "203.0.113.5")).startswith("HOLD ")


def test_the_directory_says_more_or_everything(service: Service) -> None:
    assert service.decide(question(20, "bo")) == "DUNNO"
    assert service.decide(question(1, "bo")) == "HOLD more than 20 recipients in 3600 s by person:bo"
    assert service.decide(question(100000, "list")) == "DUNNO"


def test_devices_are_counted_by_address_and_network(service: Service, letters: list[EmailMessage]) -> None:
    assert [service.decide(question(4, "", client)) for client in ("198.51.100.7", "2001:db8::7", "192.0.2.4")] == ["DUNNO"] * 3
    assert service.decide(question(1, "", "198.51.100.7")) == "HOLD more than 4 recipients in 3600 s by device:198.51.100.7"
    assert service.decide(question(4, "", "192.0.2.4")) == "DUNNO"
    assert service.decide(question(10**6, "", "192.0.2.9")) == "DUNNO"
    assert {letter["To"] for letter in letters} == {"postmaster@madstop.test"}
    assert "held release --device 198.51.100.7" in letters[-2].get_content()


def test_a_device_of_ipv6_does_not_escape_by_another_address(service: Service) -> None:
    said = [service.decide(question(1, "", f"2001:db8:0:1::{number}")) for number in range(1, 6)]
    assert said == ["DUNNO"] * 4 + ["HOLD more than 4 recipients in 3600 s by device:2001:db8:0:1::/64"]
    assert json.loads(service.decide({"request": "rates_show", "kind": "device", "name": "2001:db8:0:1::77"}))["used"] == 4


def test_who_is_on_the_machine_itself_is_not_counted(service: Service) -> None:
    for client in ("127.0.0.1", "::1", "unknown", ""):
        assert service.decide(question(10**6, "", client)) == "DUNNO"


def test_only_the_end_of_a_letter_counts(service: Service) -> None:
    assert service.decide(question(11, protocol_state="RCPT")) == "DUNNO"
    assert service.decide({"request": "junk"}) == "DUNNO"


def test_a_question_that_comes_again_counts_once(service: Service) -> None:
    assert [service.decide(question(10, instance="1a.2b.0")) for _ in range(2)] == ["DUNNO"] * 2
    assert service.decide(question(1, instance="1a.2c.0")).startswith("HOLD ")


def test_a_thief_does_not_fill_the_disk(service: Service) -> None:
    said = [service.decide(question(11)) for _ in range(4)]
    assert all(one.startswith("HOLD ") for one in said[:3])
    assert said[3].startswith("451 4.7.1 ")


def test_without_an_address_the_postmaster_is_told(service: Service, letters: list[EmailMessage]) -> None:
    service.decide(question(6, "ghost"))
    assert [letter["To"] for letter in letters] == ["postmaster@madstop.test"]


def test_what_is_said_in_the_log_is_one_line(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    action = service.decide(question(11, 'a l="x"\x1b[2J\u202e', queue_id="4d BqWf\r"))
    assert answer(action) == b"action=HOLD more than 10 recipients in 3600 s by person:a?l??x??[2j?\n\n"
    (line,) = caplog.messages
    assert line.isprintable()
    assert "queue_id=4d?BqWf? " in line


def test_the_operators_questions(service: Service) -> None:
    service.decide(question(3))
    service.decide(question(4, "", "198.51.100.7"))
    row = {"kind": "person", "name": "al", "used": 3, "soft": 5, "hard": 10, "kept": 0}
    assert json.loads(service.decide({"request": "rates_show", "kind": "person", "name": "Al"})) == row
    assert [one["used"] for one in json.loads(service.decide({"request": "rates_list", "most": "5"}))["holders"]] == [4, 3]
    assert json.loads(service.decide({"request": "rates_status"}))["counting"]["state"] == "alone"
    for wrong in ({"request": "rates_sing"}, {"request": "rates_show", "kind": "device", "name": "x"}):
        assert "error" in json.loads(service.decide(wrong))


# --- The protocol ---------------------------------------------------------------------------------------------------------------


def test_requests_are_told_apart() -> None:
    asked = list(requests(io.BytesIO(b"request=a\nsender=x=y\xff\n\nrequest=b\n\n")))
    assert asked == [{"request": "a", "sender": "x=y\udcff"}, {"request": "b"}]


@pytest.mark.parametrize("junk", [b"request", b"junk\n\n", b"a=" + b"x" * 9000 + b"\n\n", b"".join(b"a%d=\n" % one for one in range(300))])
def test_junk(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(requests(io.BytesIO(junk)))


@pytest.fixture
def running(service: Service, tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "policy")
    server = Server(path, service.decide)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield path
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_connection_asks_often(running: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(running)
        for expected in (b"action=DUNNO\n\n", b"action=HOLD more than 10 recipients in 3600 s by person:al\n\n"):
            client.sendall("".join(f"{name}={value}\n" for name, value in question(10).items()).encode() + b"\n")
            assert client.recv(4096) == expected


def test_the_command(running: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "rates.toml"
    config.write_text(
        f'socket = "{running}"\npostmaster = "a@b.test"\nhostname = "c.test"\n[person]\nsoft = 5\nhard = 10\n[device]\nhard = 4\n'
    )
    words = ["--config", str(config)]
    assert command.main([*words, "check"]) == 0
    assert command.main([*words, "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["directory"]["state"] == "current"
    assert command.main([*words, "show", "person", "al"]) == 0
    assert "0 of      10" in capsys.readouterr().out
    assert command.main([*words, "show", "device", "nonsense"]) == 2
    assert command.main([*words, "list"]) == 0
    assert command.main(["--config", str(tmp_path / "none"), "status"]) == 2
    config.write_text(config.read_text().replace("policy", "nothing"))
    assert command.main([*words, "status", "--json"]) == 3


# --- Letters and people ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("occasion", list(Occasion))
def test_a_letter_is_one_that_nobody_answers(settings: Settings, occasion: Occasion) -> None:
    letter = compose(settings, occasion, Holder("person", "al"), "al@madstop.test", Numbers(5, 10), 6, 7)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["From"] == "Mail system <postmaster@madstop.test>"
    assert "10" in letter.get_content()
    assert max(map(len, letter.as_string().splitlines())) < 200


def test_a_name_cannot_write_a_header(settings: Settings) -> None:
    letter = compose(settings, Occasion.HARD, Holder("person", "a\r\nBcc: x@y.test"), settings.postmaster, Numbers(5, 10), 6, 7)
    assert "Bcc" not in letter


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([("uid=al", {NUMBER: [b"30"], "mail": [b"al@b.test"]})], (30, "al@b.test")),
        ([("uid=al", {NUMBER.upper(): [b"-1"]})], (-1, "")),
        ([("uid=al", {NUMBER: [b"many"], "MAIL": [b"al <a@b>"]})], (None, "")),
        ([("uid=al", {"mail": [b"a\nb@c.test"]})], (None, "")),
        ([(None, {"mail": [b"a@b"]}), ("uid=al", {})], (None, "")),
        ([("uid=al", {NUMBER: [b"1"]}), ("uid=al,ou=x", {NUMBER: [b"2"]})], (None, "")),
        ([], (None, "")),
    ],
)
def test_an_entry(entries: Any, found: tuple[int | None, str]) -> None:
    assert person(entries) == found
