"""What is asked of amavis, and what its answers mean."""

from pathlib import Path

import pytest

from services.quarantine.quarantine import ampdp
from services.quarantine.quarantine.errors import AwayError, QuarantineError, UncertainError


def test_no_value_ends_its_line() -> None:
    asked = ampdp.request([("request", b"release"), ("recipient", b"<a\r\nrecipient=<b@x>%\xff @x>")])
    assert asked.split(b"\r\n") == [b"request=release", b"recipient=<a%0d%0arecipient=<b@x>%25%ff%20@x>", b"", b""]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"setreply=250 2.0.0 Ok\r\n\r\n", None),
        (b"setreply=250%202.6.0%20Ok\r\n\r\n", None),
        (b"setreply=250 2.0.0 Ok\r\nsetreply=250 2.0.0 Ok\r\n\r\n", UncertainError),
        (b"setreply=250 2.5.0 No%20recipients\r\n\r\n", QuarantineError),
        (b"setreply=450 4.5.0 Failure:%20Secret_id%20abc\r\nreturn_value=tempfail\r\n\r\n", AwayError),
        (b"setreply=550 5.1.1 Unknown\r\n\r\n", QuarantineError),
        (b"\r\n", UncertainError),
        (b"return_value=continue\r\n\r\n", UncertainError),
    ],
)
def test_answers(answer: bytes, kind: type[QuarantineError] | None) -> None:
    if kind is None:
        assert ampdp._judge(answer).startswith("250 2.")
        return
    with pytest.raises(QuarantineError) as fault:
        ampdp._judge(answer)
    assert type(fault.value) is kind
    assert "abc" not in str(fault.value)


def test_nothing_is_asked_without_a_recipient(tmp_path: Path) -> None:
    with pytest.raises(QuarantineError, match="one recipient"):
        ampdp.release(str(tmp_path / "none"), 1, mail_id=b"a", secret_id=b"b", partition_tag=0, recipient=b"")


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AwayError, match="does not answer"):
        ampdp.release(str(tmp_path / "none"), 1, mail_id=b"a", secret_id=b"b", partition_tag=0, recipient=b"c")
