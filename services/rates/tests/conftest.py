"""What the tests share: settings, a clock that a test turns, and questions as Postfix asks them."""

from __future__ import annotations

from typing import Any

import pytest

from services.rates.rates.settings import Settings, parse

GIVEN: dict[str, Any] = {
    "person": {"soft": 5, "hard": 10},
    "device": {"soft": 2, "hard": 4},
    "network": [{"network": "192.0.2.0/24", "soft": 6, "hard": 8}, {"network": "192.0.2.9/32", "hard": -1}],
    "most_waiting": 3,
    "postmaster": "postmaster@madstop.test",
    "hostname": "smtp1.madstop.test",
}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> Settings:
    return parse(GIVEN)


def question(recipients: int = 1, login: str = "al", client: str = "198.51.100.7", **more: str) -> dict[str, str]:
    """What Postfix asks at the end of a letter."""
    asked = {"request": "smtpd_access_policy", "protocol_state": "END-OF-MESSAGE", "recipient_count": str(recipients)}
    return asked | {"client_address": client, "sasl_username": login, "queue_id": "4dBqWf0z1Zz", "sender": "al@madstop.test"} | more
