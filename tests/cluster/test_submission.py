"""People hand mail in where they log in; nobody else does, and the world does not learn where they sit."""

from __future__ import annotations

import smtplib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from frontdoor import post
from tests.handing_in import PROGRAM, Door, door
from tests.laboratory import Lab
from tests.people import People

__all__ = ["door"]


@pytest.mark.parametrize("port", [465, 587])
def test_a_letter_reaches_another_person_and_the_world_and_neither_learns_where_its_writer_sits(
    lab: Lab, people: People, door: Door, port: int
) -> None:
    writer, reader = people["alma"], people["bela"]
    token, names = post.new_token(), [reader.mail, "out@elsewhere.test"]
    with door.enter(writer, port) as client:
        assert client.sendmail(writer.mail, names, post.letter(token, writer.mail, ", ".join(names))) == {}
    here, there = lab.receive(reader, token), door.world_got(token)
    assert post.path(here)[0] == post.path(there)[0] == door.machine.name
    assert there["Return-Path"] == f"<{writer.mail}>"
    seat = lab.outside.public_address
    for letter in (here, there):
        # The last Received is the internet machine's own, when it took the letter from us.
        ours = [str(line) for line in letter.get_all("Received", [])[1 if letter is there else 0 :]]
        told = "\n".join([*ours, *(f"{name}: {value}" for name, value in letter.items() if name not in ("Received", "To"))])
        for secret in (seat, PROGRAM, "internet.elsewhere.test", "sasl", writer.uid + ")"):
            assert secret not in told, (secret, told)
    log = lab.run(door.machine.name, f"journalctl -q -o cat --since -60s -g 'sasl_username={writer.uid}$'")
    assert f"[{seat}]" in log


def test_a_campus_machine_hands_in_without_a_login_and_the_world_does_not_see_it(lab: Lab, door: Door, people: People) -> None:
    machine, sender = lab.stores[0], f"printer@{lab.inventory.domain}"
    token, outcome = lab.send(
        [people["bela"].mail, "out@elsewhere.test"], sender, origin=lab.origin(machine.name), host=door.machine.address, helo=PROGRAM
    )
    assert outcome.sent, outcome
    lab.receive(people["bela"], token)
    told = "\n".join(f"{name}: {value}" for name, value in door.world_got(token).items())
    for secret in (machine.address, machine.name, PROGRAM):
        assert secret not in told, (secret, told)


def test_the_login_is_the_uid_or_the_address(people: People, door: Door) -> None:
    for name in (people["alma"].uid, people["alma"].mail, people["alma"].uid.upper()):
        with door.enter(people["alma"], name=name) as client:
            assert door.writes(client, people["alma"].mail).startswith("250 ")


def test_who_may_not_log_in_reads_the_same_as_who_is_not_there(people: People, door: Door) -> None:
    alma = people["alma"]
    tries: list[tuple[str, ...]] = [(people[name].uid, people[name].password) for name in ("noaccess", "disabled", "deleted")]
    tries += [(alma.uid, "wrong"), ("nobody" + people.run, alma.password), ("*", alma.password), (f"{alma.uid})(uid=*", alma.password)]
    tries += [
        (people.address("alma.other"), alma.password),
        (alma.uid, alma.password, people["bela"].uid),
        (alma.uid, ""),
        ("", alma.password),
    ]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda words: door.prove(*words), tries))
    assert {code for code, _ in answers} <= {535, 501}, answers
    assert len({text for code, text in answers if code == 535}) == 1, answers
    assert [code for code, _ in answers][:9] == [535] * 9
    assert door.prove(alma.uid, alma.password)[0] == 235


@pytest.mark.parametrize("port", [465, 587])
def test_without_a_login_nothing_is_taken(people: People, door: Door, port: int) -> None:
    with door.open(port) as client:
        for sender in (people["alma"].mail, "writer@elsewhere.test", ""):
            for to in (people["bela"].mail, "out@elsewhere.test"):
                assert door.writes(client, sender, to).startswith("530 5.7.0 "), (sender, to)
        # Whoever must be reached without a domain (RFC 5321 4.5.1) is reached elsewhere.
        assert [client.mail("writer@elsewhere.test")[0], client.rcpt("postmaster")[0]] == [250, 250]
        assert client.docmd("DATA")[0] == 554


def test_before_starttls_nothing_is_said_and_nothing_is_kept(people: People, door: Door) -> None:
    client = door.open(587, secure=False)
    assert not client.has_extn("auth")
    for word in ("AUTH PLAIN AGEAYg==", f"MAIL FROM:<{people['alma'].mail}>", "VRFY postmaster"):
        assert client.docmd(word)[0] == 530, word
    assert client.docmd("STARTTLS")[0] == 220
    assert client.sock is not None
    client.sock = door.lab.internet.tls().wrap_socket(client.sock, server_hostname=door.name)
    client.file = None
    for word in (f"MAIL FROM:<{people['alma'].mail}>", "AUTH PLAIN AGEAYg=="):
        assert client.docmd(word)[0] == 503, "EHLO was said in the clear, so it was not said"
    client.ehlo()
    assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
    client.quit()


def test_port_25_knows_no_login(lab: Lab, people: People, door: Door) -> None:
    client = door.open(25, lab.origin(lab.stores[0].name))
    client.secure(door.machine.fqdn)
    assert not client.has_extn("auth")
    with pytest.raises(smtplib.SMTPException):
        client.login(people["alma"].uid, people["alma"].password)
    assert client.docmd("AUTH PLAIN AGEAYg==")[0] == 503
    client.quit()


def test_port_25_is_the_campus_own_and_nobody_waits(lab: Lab, door: Door) -> None:
    machine = door.machine
    open_ports = lab.internet.open_ports([(machine.public_address, port) for port in (25, 465, 587)])
    assert open_ports == {(machine.public_address, 465), (machine.public_address, 587)}
    # What gets past the firewall is sent away by Postfix: from its own public address, which is no address of the campus.
    with pytest.raises((smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected)):
        lab.origin(machine.name).smtp(machine.public_address, 25)
    for port, origin in ((25, lab.origin(lab.stores[0].name)), (587, lab.internet)):
        begun = time.monotonic()
        door.open(port, origin, secure=False).quit()
        assert time.monotonic() - begun < 2, port


def test_a_mistyped_address_is_refused_at_once(people: People, door: Door) -> None:
    with door.enter(people["alma"]) as client:
        for to in (people.address("nosuch"), f"victim%elsewhere.test@{people.domain}", people["deleted"].mail):
            assert door.writes(client, people["alma"].mail, to).startswith("550 5.1.1 "), to
        assert door.writes(client, people["alma"].mail, people["disabled"].mail).startswith("550 5.2.1 ")
        assert door.writes(client, people["alma"].mail, f"{people['bela'].uid}@mail.{people.domain}").startswith("250 ")
