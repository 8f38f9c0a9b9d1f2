"""The filter stands on a machine of its own: the same verdicts, over a hop that trusts certificates of ours and nobody else's."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from frontdoor import paths, post
from tests.corpus import eicar, shapes, unwanted
from tests.corpus.sample import Sample, part
from tests.faults import faults
from tests.filtering import Filter, raw_letter
from tests.laboratory import Lab
from tests.people import Person

PLAIN = Sample("plain", part("text/plain", b"A letter as any other.\r\n"))
#: From an exchanger to the filter, from a submission machine to it, and back.
THERE, SENT, BACK = 10024, 10026, 10027


def waits(lab: Lab, person: Person) -> bool:
    """Whether a letter to a person waits before the filter."""
    return person.mail in lab.run(lab.exchanger.name, "postqueue -c /etc/postfix-fixup -p")


def test_the_inventory_differs_by_the_machine_of_the_filter() -> None:
    ours = (paths.INVENTORY / "hosts.yml").read_text(encoding="utf-8").splitlines()
    theirs = (paths.CHECKOUT / "molecule" / "filter_elsewhere" / "inventory" / "hosts.yml").read_text(encoding="utf-8").splitlines()
    difference = [line for line in difflib.ndiff(ours, theirs) if line[0] in "+-" and "#" not in line]
    assert [line.split()[:2] for line in difference] == [["-", "mx1:"], ["-", "smtp1:"], ["+", "filter1:"]]


def test_letters_go_there_and_come_back(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Each kind gets its verdict from the machine elsewhere, which knows the stranger's address by XFORWARD."""
    person, began = readers["wary"], time.time()
    page = next(sample for sample in shapes.letters() if sample.name == "newsletter")
    samples = {PLAIN: "arrived", page: "arrived", eicar.variants()[0]: "virus", unwanted.spam()[0]: "spam", unwanted.banned()[0]: "banned"}
    ledger = content_filter.settle(content_filter.send(samples, person), person)
    assert ledger.classes() == {sample.name: fate for sample, fate in samples.items()}
    assert content_filter.machine != lab.exchanger.name
    judged = lab.run(content_filter.machine, f"journalctl -q -o cat -t amavis --since @{began:.6f} | grep -c '{person.mail}'")
    assert int(judged) == len(samples)
    clients = lab.run(content_filter.machine, f"journalctl -q -o cat -t amavis --since @{began:.6f} | grep '{person.mail}'")
    assert clients.count(f"[{lab.outside.public_address}]") >= len(samples), "the stranger's address, and not the exchanger's"
    raw = raw_letter(lab, person, ledger.token("plain"))
    assert f"Authentication-Results: {lab.inventory.domain};".encode() in raw
    assert content_filter.machine.encode() in raw.partition(b"\r\n\r\n")[0], "the path shows the machine"


def test_what_people_send_is_looked_through_for_viruses_only(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """The submission machine brings it to a port of its own; what others' mail is stopped for, passes."""
    person, sender = readers["choosy"], f"printer@{lab.inventory.domain}"
    samples = {PLAIN: "arrived", eicar.variants()[0]: "virus", unwanted.spam()[0]: "arrived", unwanted.banned()[0]: "arrived"}
    ledger = content_filter.settle(content_filter.send(samples, person, sender, door=content_filter.campus), person)
    assert ledger.classes() == {sample.name: fate for sample, fate in samples.items()}
    raw = raw_letter(lab, person, ledger.token("plain"))
    assert content_filter.machine.encode() in raw.partition(b"\r\n\r\n")[0], "the path shows the machine"


def test_both_ways_are_encrypted_and_the_names_are_checked(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    began = time.time()
    token, outcome = lab.send(readers["wary"].mail)
    assert outcome.sent, outcome
    lab.receive(readers["wary"], token)
    there = lab.run(lab.exchanger.name, f"journalctl -q -o cat -t postfix-fixup/smtp --since @{began - 300:.0f}")
    filters_name = f"{content_filter.machine}.{lab.inventory.domain}"
    assert f"Verified TLS connection established to {filters_name}" in there
    back = lab.run(lab.exchanger.name, f"journalctl -q -o cat -t postfix-inside/filter/smtpd --since @{began - 300:.0f}")
    assert f"Trusted TLS connection established from {filters_name}" in back


def test_only_the_machines_that_must_may_connect(lab: Lab, content_filter: Filter) -> None:
    there = (lab.inventory.machines("content_filter")[0].address, THERE)
    back = (lab.exchanger.address, BACK)
    sent = (there[0], SENT)
    smtp = lab.inventory.machines("submission")[0].name
    assert lab.origin(lab.exchanger.name).open_ports([sent]) == lab.origin(smtp).open_ports([there]) == set()
    assert sent in lab.origin(smtp).open_ports([sent])
    assert there in lab.origin(lab.exchanger.name).open_ports([there])
    assert back in lab.origin(content_filter.machine).open_ports([back])
    for other in [*(store.name for store in lab.stores), lab.inventory.machines("quarantine")[0].name, lab.outside.name]:
        assert lab.origin(other).open_ports([there, back]) == set(), other


def test_what_is_released_there_comes_back_the_same_way(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    person = readers["bold"]
    ledger = content_filter.settle(content_filter.send([unwanted.banned()[0]], person), person)
    ((token, item),) = ledger.kept.items()
    answer = json.loads(lab.run(content_filter.machine, f"quarantine release --json {item['id']}", timeout=120))
    assert [one["recipient"] for one in answer["results"]] == [person.mail]
    lab.receive(person, token)


@contextmanager
def stranger_in_its_place(lab: Lab, content_filter: Filter) -> Iterator[None]:
    """Let the filter show a certificate of the right name by an authority that nobody knows."""
    folder = "/etc/ssl/posthouse-test"
    name = f"{content_filter.machine}.{lab.inventory.domain}"
    named = "sed -n \"s/.*SSL_{}_file => '\\([^']*\\)'.*/\\1/p\" /etc/amavis/conf.d/* | head -1"
    certificate, key = (lab.run(content_filter.machine, named.format(what)).strip() for what in ("cert", "key"))
    assert certificate, "the filter names its certificate"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    made += f" -subj /CN={name} -addext subjectAltName=DNS:{name} -keyout {folder}/new.key -out {folder}/new.pem 2>/dev/null"
    with faults.window():
        lab.run(
            content_filter.machine,
            f"mkdir -p {folder} && cp -a {key} {folder}/key && cp -a {certificate} {folder}/certificate"
            f" && {made} && cat {folder}/new.key > {key}"
            f" && cat {folder}/new.pem > {certificate} && systemctl restart amavis",
        )
        try:
            yield
        finally:
            lab.run(
                content_filter.machine,
                f"cat {folder}/key > {key}; cat {folder}/certificate > {certificate}; rm -rf {folder}; systemctl restart amavis",
            )


@pytest.mark.parametrize("how", ["away", "with the certificate of a stranger"])
def test_without_a_filter_that_can_be_trusted_letters_wait(lab: Lab, content_filter: Filter, readers: dict[str, Person], how: str) -> None:
    person, began = readers["healthy"], time.time()
    absence = faults.stopped(lab, "amavis", [content_filter.machine]) if how == "away" else stranger_in_its_place(lab, content_filter)
    with absence:
        ledger = content_filter.send([PLAIN, eicar.variants()[0]], person)
        assert len(ledger.sent) == 2
        assert post.wait_for(lambda: waits(lab, person), 30)
        faults.flush(lab)
        time.sleep(4)  # what must not happen gets the time to happen
        assert waits(lab, person)
        assert not set(content_filter.tokens(person)) & set(ledger.sent)

    def settled() -> bool:
        faults.flush(lab)
        content_filter.look(ledger, person)
        return not ledger.missing()

    assert post.wait_for(settled, 90, pause=2), ledger.classes()
    assert ledger.classes() == {PLAIN.name: "arrived", eicar.variants()[0].name: "virus"}
    assert max(ledger.arrived.values()) == 1
    assert faults.refusals(lab, began) == ""
