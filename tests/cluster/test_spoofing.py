"""Nobody writes in somebody else's name: not the world, not the campus, not another person, and not a machine of ours."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin, Smtp
from tests.attacks import Hop, codes, hold, plain
from tests.laboratory import Lab
from tests.people import People, Person
from tests.talker import REPLY

#: Ways to write an address of Bela's; {local} and {domain} are its halves. RFC 5321 calls some of them the same mailbox, Postfix others.
DISGUISES = [
    "{local}@{domain}",
    "{LOCAL}@{DOMAIN}",
    '"{local}"@{domain}',
    '"{quoted}"@{domain}',
    "{local}@{domain}.",
    "@elsewhere.test:{local}@{domain}",
    "@elsewhere.test,@{domain}:{local}@{domain}",
    "{local}@{collapsed}",
    "{local}@{COLLAPSED}",
    '"{local}"@{collapsed}.',
    "{alternate}",
    "bela <{local}@{domain}",
    "<{local}@{domain}",
    "{local}@{domain} ",
    "{local}(me)@{domain}",
    "(me){local}@{domain}",
    "{local}@(here){domain}",
    "{local} @{domain}",
    "{local}@ {domain}",
    "{local}\\@{domain}",
]


@contextmanager
def handing_in(lab: Lab, port: int, writer: Person | None = None, origin: Origin | None = None) -> Iterator[Smtp]:
    """Connect to the machine where people hand mail in, and log in."""
    machine = lab.inventory.machines("submission")[0]
    start = origin or lab.internet
    address = machine.public_address if start.machine == lab.outside.name else machine.address
    with start.smtp(address, port, tls_name=machine.fqdn if port == 465 else "") as client:
        if port == 587:
            client.secure(machine.fqdn)
        client.ehlo()
        if writer:
            client.login(writer.uid, writer.password)
        yield client


def disguises(lab: Lab, person: Person) -> list[str]:
    local, _, domain = person.mail.partition("@")
    words = {
        "local": local,
        "LOCAL": local.upper(),
        "quoted": "\\" + "\\".join(local),
        "domain": domain,
        "DOMAIN": domain.upper(),
        "collapsed": lab.inventory.values["cluster_collapsed_domains"][0],
        "COLLAPSED": lab.inventory.values["cluster_collapsed_domains"][0].upper(),
        "alternate": str(person.attributes["mailAlternateAddress"]),
    }
    return [disguise.format(**words) for disguise in DISGUISES]


def taken(client: Smtp, sender: str, recipient: str) -> str:
    """Return what the server said to a sender and a recipient whom it took, and nothing when it took them not."""
    client.rset()
    answers = [client.docmd(f"MAIL FROM:<{sender}>")]
    if answers[-1][0] == 250:
        answers.append(client.docmd(f"RCPT TO:<{recipient}>"))
    code, text = answers[-1]
    if code == 421:
        raise smtplib.SMTPServerDisconnected(text.decode())
    assert code == 250 or code // 100 == 5, (sender, code, text)
    return f"{sender}: {text.decode()}" if code == 250 else ""


def all_refused(lab: Lab, person: Person, recipient: str, port: int, writer: Person | None, origin: Origin | None = None) -> None:
    waiting = disguises(lab, person)
    passed = []
    while waiting:
        with handing_in(lab, port, writer, origin) as client:
            # A server that loses patience is asked again, as an attacker would.
            passed += [taken(client, sender, recipient) for sender in waiting[:8]]
            del waiting[:8]
    assert [one for one in passed if one] == []


@pytest.mark.parametrize("port", [465, 587])
def test_a_person_writes_as_nobody_else(lab: Lab, people: People, port: int) -> None:
    alma, bela = people["alma"], people["bela"]
    all_refused(lab, bela, alma.mail, port, alma)
    with handing_in(lab, port, alma) as client:
        assert taken(client, alma.mail, bela.mail)
        assert taken(client, people.address("alma.other"), bela.mail)
        for sender in (
            people.address("nobody"),
            f"postmaster@{people.domain}",
            "writer@elsewhere.test",
            f"{alma.uid}@elsewhere.test",
            alma.uid,
        ):
            assert not taken(client, sender, bela.mail)


def test_the_campus_writes_as_nobody_who_could_log_in(lab: Lab, people: People) -> None:
    campus = lab.origin(lab.inventory.machines("dns")[0].name)
    all_refused(lab, people["bela"], people["alma"].mail, 25, None, campus)
    with handing_in(lab, 25, None, campus) as client:
        assert taken(client, f"printer@{people.domain}", people["alma"].mail)


def test_the_world_does_not_write_as_one_of_us(lab: Lab, people: People) -> None:
    waiting = disguises(lab, people["bela"])
    passed = []
    while waiting:
        with lab.smtp() as client:
            client.ehlo()
            passed += [taken(client, sender, people["alma"].mail) for sender in waiting[:5]]
            del waiting[:5]
    assert [one for one in passed if one] == []


@pytest.fixture
def watched(lab: Lab) -> Iterator[str]:
    """The machine where people hand mail in, while its milter notes letters to anybody whose From is not their sender."""
    machine, file = lab.inventory.machines("submission")[0].name, "/etc/posthouse/skim.toml"
    on = 's/^from_mismatch = .*/from_mismatch = "log"/; s/^from_mismatch_recipients = .*/from_mismatch_recipients = 0/'
    change = f"sed -i '{on}' {file}"
    lab.run(machine, f"cp -p {file} /run/skim.toml; {change}")
    try:
        yield machine
    finally:
        lab.run(machine, f"cp -p /run/skim.toml {file}; rm /run/skim.toml")


def test_a_forged_from_is_seen(lab: Lab, people: People, watched: str) -> None:
    """The rule is off until a site turns it on; then it knows who logged in."""
    alma, bela = people["alma"], people["bela"]
    authors = {alma.mail: False, bela.mail: True, f'"{alma.mail}" <{bela.mail}>': True, f"{alma.mail} <rector@{people.domain}>": True}
    notes = f"journalctl -q -o cat -u posthouse-skim --since -60s -g 'person={alma.uid} '"
    for author, forged in authors.items():
        token = post.new_token()
        before = len(lab.run(watched, notes, check=False).splitlines())
        with handing_in(lab, 587, alma) as client:
            assert client.sendmail(alma.mail, [bela.mail], post.letter(token, alma.mail, bela.mail, headers=[("From", author)])) == {}
        lab.receive(bela, token)
        seen = lab.run(watched, notes, check=False).splitlines()[before:]
        assert len(seen) == forged, (author, seen)
        assert all("from_mismatch: log: " in line and f"sender=<{alma.mail}>" in line for line in seen), seen


#: A right password in wrong company: names for {uid} that are not the person, or not the person alone.
LOGINS = [
    ("", "*"),
    ("", "{start}*"),
    ("", "*)(uid={uid}"),
    ("", "{uid})(objectClass=*"),
    ("", "{uid})(|(uid=*"),
    ("", "\\2a"),
    ("", "{uid}\0"),
    ("{other}", "{uid}"),
    ("*", "{uid}"),
    ("{other}", "{other}"),
    ("", "{uid}@elsewhere.test"),
    ("", "{uid}\n"),
    ("", "{uid}\tuser={other}"),
    ("", "{uid}%{user}"),
    ("", "uid={uid},ou=People"),
    ("", ""),
]


def test_a_login_is_one_persons_name_and_nothing_more(lab: Lab, people: People) -> None:
    """LDAP filters, second identities (RFC 4616) and control characters in names; Dovecot's protocol parts fields by tabs."""
    alma, bela = people["alma"], people["bela"]
    words = {"uid": alma.uid, "other": bela.uid, "start": alma.uid[:-1], "user": "{user}"}
    machine = lab.inventory.machines("submission")[0]
    said = []
    for act_as, name in LOGINS:
        login = plain(name.format(**words), alma.password, act_as.format(**words))
        door = Hop("a login", lab.outside.name, f"{machine.public_address}:465", "tls")
        said.append(door.say((f"AUTH PLAIN {login}\r\n", REPLY), (f"MAIL FROM:<{alma.mail}>\r\nRCPT TO:<{bela.mail}>\r\nQUIT\r\n", "")))
    # Each failure takes two seconds of waiting.
    for (act_as, name), answers in zip(LOGINS, hold(lab, lab.outside.name, said, len(said)), strict=True):
        tried, said_then = (codes(answer) for answer in answers[-2:])
        assert tried in ([501], [535]), (act_as, name, answers)
        assert said_then[1] // 100 == 5, (act_as, name, answers)
