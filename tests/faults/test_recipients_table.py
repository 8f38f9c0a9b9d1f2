"""The exchanger's table of recipients is gone, or is no table: senders hear "later", never that a person does not exist."""

from __future__ import annotations

import smtplib
import time
from contextlib import suppress

import pytest

from frontdoor import post
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People

SPOIL = {"missing": "rm -f {table}", "cut short": "truncate -s 100 {table}", "empty": "truncate -s 0 {table}"}


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
                _, outcome = lab.send(people.address(name))
                # 0: the server closed the connection, which is "later" as well (RFC 5321 section 3.8).
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
