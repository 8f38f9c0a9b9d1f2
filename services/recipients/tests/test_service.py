"""The table follows the directory, and nothing that happens there empties it."""

import json
import logging
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from services.recipients.recipients import cdb, command
from services.recipients.recipients.control import Door, ask
from services.recipients.recipients.service import Service
from services.recipients.recipients.settings import parse
from services.recipients.recipients.table import Person, Status

from .conftest import people


@pytest.fixture
def table(settings: Any) -> Any:
    return lambda: cdb.Reader(Path(settings.table + ".cdb"))


def steps(service: Any, until: Any, count: Any = 20) -> None:
    """Let the service do what is due until a condition holds."""
    for _ in range(count):
        service._wake()
        service.step()
        if until():
            return
    raise AssertionError(service.answer({"do": "status"}))


def state(service: Any) -> Any:
    return service.answer({"do": "status"})["state"]


def test_the_first_reading_makes_the_table(service: Any, table: Any) -> None:
    assert table().get(b"madstop.test").startswith(b"451 ")
    steps(service, lambda: state(service) == "current")
    assert table().get(b"p99@madstop.test") == b"OK"
    assert table().get(b"madstop.test") is None


def test_changes_are_followed_at_once(service: Any, servers: Any, table: Any) -> None:
    steps(service, lambda: state(service) == "current")
    one = servers["ldap://one.test"]
    one.tell(lambda mirror: mirror.put("new", Person(("new@madstop.test",), Status.VALID)))
    steps(service, lambda: table().get(b"new@madstop.test") == b"OK")
    one.tell(lambda mirror: mirror.put("new", Person(("new@madstop.test",), Status.DISABLED)))
    steps(service, lambda: (table().get(b"new@madstop.test") or b"").startswith(b"550 5.2.1"))
    one.tell(lambda mirror: mirror.drop("new"))
    steps(service, lambda: table().get(b"new@madstop.test") is None)
    assert one.asked == 1


def test_the_next_server_is_asked_when_one_is_away(service: Any, servers: Any, table: Any) -> None:
    servers["ldap://one.test"].away = True
    steps(service, lambda: state(service) == "current")
    assert service.answer({"do": "status"})["server"] == "ldap://two.test"
    assert table().get(b"p0@madstop.test") == b"OK"


def test_a_server_that_goes_away_is_left_for_the_next(service: Any, servers: Any) -> None:
    steps(service, lambda: state(service) == "current")
    servers["ldap://one.test"].away = True
    servers["ldap://one.test"].tell(lambda _mirror: None)
    steps(service, lambda: service.answer({"do": "status"})["server"] == "ldap://two.test")
    assert state(service) == "current"


def test_a_server_that_says_nothing_is_left_for_the_next(given: Any, servers: Any, connect: Any) -> None:
    servers["ldap://one.test"].answers = False
    service = Service(parse(given | {"patience": 0.05}), connect)
    service.start()
    service.step()
    time.sleep(0.1)
    steps(service, lambda: service.answer({"do": "status"})["server"] == "ldap://two.test")


def test_the_last_good_copy_serves_while_all_are_away(service: Any, servers: Any, table: Any, settings: Any, connect: Any) -> None:
    steps(service, lambda: state(service) == "current")
    for server in servers.values():
        server.away = True
    servers["ldap://one.test"].tell(lambda _mirror: None)
    steps(service, lambda: state(service) == "stale")
    assert table().get(b"p5@madstop.test") == b"OK"
    after_a_restart = Service(settings, connect)
    after_a_restart.start()
    after_a_restart.step()
    assert state(after_a_restart) == "stale"
    assert table().get(b"p5@madstop.test") == b"OK"


def test_an_outage_is_a_warning_once_and_only_when_it_lasts(service: Any, servers: Any, monkeypatch: Any, caplog: Any) -> None:
    caplog.set_level("INFO")
    for server in servers.values():
        server.away = True
    monkeypatch.setattr("services.recipients.recipients.service._RETRY", 0.0)
    steps(service, lambda: len(service._away) == 2)
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]
    monkeypatch.setattr("services.recipients.recipients.service._ALARM", 0.0)
    for _ in range(6):
        service._wake()
        service.step()
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    servers["ldap://two.test"].away = False
    steps(service, lambda: state(service) == "current")
    assert "ldap://two.test answers again" in caplog.text


@pytest.mark.parametrize("left", [0, 79])
def test_a_refresh_that_lost_too_much_is_refused_until_an_operator_accepts_it(service: Any, servers: Any, table: Any, left: Any) -> None:
    steps(service, lambda: state(service) == "current")
    servers["ldap://one.test"].entries = people(left)
    service._asked.append(False)
    steps(service, lambda: state(service) == "refused")
    assert table().get(b"p99@madstop.test") == b"OK"
    service._asked.append(True)
    steps(service, lambda: state(service) == "current")
    assert table().get(b"p99@madstop.test") is None


def test_while_losses_are_refused_everything_else_is_followed(service: Any, servers: Any, table: Any) -> None:
    steps(service, lambda: state(service) == "current")
    servers["ldap://one.test"].entries = people(10) | {"u0": Person(("p0@madstop.test",), Status.DISABLED)}
    service._asked.append(False)
    steps(service, lambda: state(service) == "refused")
    servers["ldap://one.test"].tell(lambda mirror: mirror.put("new", Person(("new@madstop.test",), Status.VALID)))
    steps(service, lambda: table().get(b"new@madstop.test") == b"OK")
    assert table().get(b"p99@madstop.test") == b"OK"
    assert table().get(b"p0@madstop.test").startswith(b"550 5.2.1")
    assert state(service) == "refused"


def test_a_first_reading_without_anybody_is_not_believed(service: Any, servers: Any, table: Any) -> None:
    servers["ldap://one.test"].entries = {}
    steps(service, lambda: state(service) == "refused")
    assert table().get(b"madstop.test").startswith(b"451 ")


def test_a_restart_does_not_forget_how_many_there_were(service: Any, servers: Any, settings: Any, connect: Any, table: Any) -> None:
    steps(service, lambda: state(service) == "current")
    servers["ldap://one.test"].entries = people(10)
    again = Service(settings, connect)
    again.start()
    steps(again, lambda: state(again) == "refused")
    assert table().get(b"p99@madstop.test") == b"OK"


def test_many_single_deletions_are_one_loss(service: Any, servers: Any, table: Any) -> None:
    steps(service, lambda: state(service) == "current")
    for number in range(40):
        servers["ldap://one.test"].tell(lambda mirror, number=number: mirror.drop(f"u{number}"))
        service._wake()
        service.step()
    steps(service, lambda: state(service) == "refused")
    assert table().get(b"p39@madstop.test") == b"OK"


def test_a_refresh_that_is_cut_changes_nothing(service: Any, servers: Any, table: Any) -> None:
    steps(service, lambda: state(service) == "current")
    for server in servers.values():
        server.answers = False
    service._asked.append(False)
    service._wake()
    service.step()
    servers["ldap://one.test"].away = True
    servers["ldap://one.test"].tell(lambda mirror: mirror.put("u0", Person(("p0@madstop.test",), Status.VALID)))
    service.step()
    assert table().get(b"p99@madstop.test") == b"OK"


def test_an_unchanged_directory_writes_nothing(service: Any, settings: Any) -> None:
    steps(service, lambda: state(service) == "current")
    before = Path(settings.table + ".cdb").stat().st_ino
    service._asked.append(False)
    steps(service, lambda: service._attempts > 1)
    assert Path(settings.table + ".cdb").stat().st_ino == before


def test_systemd_is_told(service: Any, monkeypatch: Any, tmp_path: Any) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        steps(service, lambda: state(service) == "current")
        said = manager.recv(4096).decode()
    assert said.startswith("READY=1\nSTATUS=current: 100 valid, 0 disabled, 0 deleted (ldap://one.test)")


@pytest.fixture
def running(service: Any, settings: Any, given: Any, tmp_path: Any) -> Any:
    door = Door(settings.control, service.answer)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    config = tmp_path / "recipients.toml"
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
    yield ["--config", str(config)]
    service.stop()
    thread.join(5)
    door.close()


def test_the_command(running: Any, capsys: Any, servers: Any) -> None:
    assert command.main([*running, "refresh", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"] == 100
    assert command.main([*running, "status"]) == 0
    assert "state:      current" in capsys.readouterr().out
    assert command.main([*running, "check", "P1@madstop.test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "OK"
    assert command.main([*running, "check", "nobody@madstop.test"]) == 1
    servers["ldap://one.test"].entries = {}
    assert command.main([*running, "refresh"]) == 1
    assert "not one address" in capsys.readouterr().out
    assert command.main([*running, "refresh", "--accept-loss"]) == 0


@pytest.mark.usefixtures("running")
def test_a_bad_request_is_answered(settings: Any) -> None:
    assert "unknown request" in ask(settings.control, {"do": "sing"})["error"]


def test_without_service_or_table(given: Any, tmp_path: Any, capsys: Any) -> None:
    config = tmp_path / "recipients.toml"
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
    assert command.main(["--config", str(config), "status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["state"] == "away"
    assert command.main(["--config", str(config), "check", "a@b.test"]) == 3
    assert command.main(["--config", str(tmp_path / "none"), "status"]) == 2
