"""The virus scanner dies: whoever asks meanwhile waits and is answered."""

from __future__ import annotations

from frontdoor import post
from tests.laboratory import Lab
from tests.scanning import asking, status


def test_a_killed_clamd_keeps_those_who_ask_waiting_and_answers_them(lab: Lab) -> None:
    for machine in lab.inventory.machines("content_filter"):
        missed, _ = asking(lab, machine.name, 40, "kill -9 $(pidof clamd)")
        # The one that was being looked at when it died.
        assert missed <= 1
        assert lab.run(machine.name, "systemctl is-active clamav-daemon").strip() == "active"


def test_a_clamd_that_was_stopped_is_started_by_the_first_who_asks(lab: Lab) -> None:
    for machine in lab.inventory.machines("content_filter"):
        lab.run(machine.name, "systemctl stop clamav-daemon.service")
        assert lab.run(machine.name, "clamdscan --ping 15").strip() == "PONG"
        assert post.wait_for(lambda name=machine.name: status(lab, name)["state"] == "current", 30)  # type: ignore[misc]  # a bound name
