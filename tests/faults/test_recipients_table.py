"""The exchanger's table of recipients is gone, or is no table: senders hear "later", never that a person does not exist."""

from __future__ import annotations

import smtplib
import time
from contextlib import suppress

import pytest

from frontdoor import post
from tests.faults import faults
from tests.laboratory import SENDER, Lab
from tests.people import People

# Put in its place, as a disk that lost the end would have it. What is cut under the hands of a process that has mapped it reads as zeros
# there, which nobody can tell from a table without addresses; the service never writes in place.
CUT = "head -c {size} {table} > {table}.cut && chown --reference={table} {table}.cut && chmod --reference={table} {table}.cut"
SPOIL = {
    "missing": "rm -f {table}",
    "cut short": CUT.replace("{size}", "100") + " && mv {table}.cut {table}",
    "empty": CUT.replace("{size}", "0") + " && mv {table}.cut {table}",
}
#: Seconds that a client waits for its greeting: as long as master(8) needs to see one process more end (service_throttle_time).
GREETING = 7


def offered(lab: Lab, address: str) -> post.Outcome:
    """Offer a letter as a client does that soon loses its patience; return how that ended."""
    token = post.new_token()
    letter = post.letter(token, SENDER, address)
    return post.hand_over(lambda: lab.internet.smtp(lab.exchanger.public_address, timeout=GREETING), SENDER, [address], letter)[address]


@pytest.mark.parametrize("how", SPOIL)
def test_without_a_table_mail_waits_with_its_sender(lab: Lab, people: People, how: str) -> None:
    machine = lab.exchanger.name
    table = lab.run(machine, "find /var/lib -name recipients.cdb").strip()
    assert table.count("\n") == 0, table
    assert table, "the exchanger has no table"
    began = time.time()
    with faults.window():
        lab.run(machine, f"cp -p {table} {table}.kept; {SPOIL[how].format(table=table)}")
        try:
            for name in ("alma", "bela.other"):
                outcome = offered(lab, people.address(name))
                # 0: the server closed the connection or said nothing, which is "later" as well (RFC 5321 section 3.8).
                assert outcome.sent or outcome.code // 100 in (0, 4), (name, outcome)
        finally:
            # A process that met no table says "later" until it ends, some minutes on; the next one finds the table.
            lab.run(machine, f"mv {table}.kept {table}; systemctl reload postfix@outside")
    assert faults.refusals(lab, began) == ""

    def known_again() -> bool:
        with suppress(smtplib.SMTPException, OSError):
            return lab.knows(people["alma"].mail)
        return False

    assert post.wait_for(known_again, 60)
