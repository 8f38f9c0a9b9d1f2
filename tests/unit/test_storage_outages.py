"""What the tests of storage do to disks, as far as it is a matter of numbers."""

from __future__ import annotations

import pytest

from tests.storage.outages import with_hole

TABLE = "0 1000 linear 152:16 2048\n1000 500 linear 152:32 64\n"


@pytest.mark.parametrize(
    ("first", "end", "wanted"),
    [
        (
            100,
            108,
            "0 100 linear 152:16 2048\n100 8 error\n108 892 linear 152:16 2156\n1000 500 linear 152:32 64\n",
        ),
        (0, 8, "0 8 error\n8 992 linear 152:16 2056\n1000 500 linear 152:32 64\n"),
        (996, 1004, "0 996 linear 152:16 2048\n996 4 error\n1000 4 error\n1004 496 linear 152:32 68\n"),
        (1492, 1500, "0 1000 linear 152:16 2048\n1000 492 linear 152:32 64\n1492 8 error\n"),
        (2000, 2008, TABLE),
    ],
)
def test_a_table_gets_a_hole(first: int, end: int, wanted: str) -> None:
    assert with_hole(TABLE, first, end) == wanted
