"""A table that has lost too much is not believed."""

from typing import Any

import pytest

from services.recipients.recipients.guard import Guard


def guard(*sizes: Any) -> Any:
    one = Guard(loss_percent=20, loss_tolerated=10)
    for moment, size in sizes:
        one.remember(moment, size)
    return one


@pytest.mark.parametrize(
    ("sizes", "now", "size", "believed"),
    [
        ([], 0, 1, True),
        ([], 0, 0, False),
        ([(0, 100)], 1, 80, True),
        ([(0, 100)], 1, 79, False),
        ([(0, 100)], 1, 0, False),
        ([(0, 12)], 1, 2, True),  # ten may always go
        ([(0, 12)], 1, 1, False),
        ([(0, 100), (10, 85), (20, 75)], 30, 60, False),  # in small steps
        ([(0, 100), (10, 85)], 3650, 70, True),  # ... but not within an hour
        ([(0, 100)], 99999, 50, False),  # the one in use counts however old it is
        ([(0, 100)], 1, 100000, True),
    ],
)
def test_objection(sizes: Any, now: Any, size: Any, believed: Any) -> None:
    assert bool(guard(*sizes).objection(now, size)) is not believed


def test_an_operator_can_say_that_the_loss_is_real() -> None:
    one = guard((0, 100))
    one.forget()
    assert not one.objection(1, 5)


def test_the_objection_says_how_many() -> None:
    assert guard((0, 100)).objection(1, 40) == "60 of 100 addresses were lost at once, more than 20 %"
