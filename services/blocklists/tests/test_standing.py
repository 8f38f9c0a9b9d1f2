"""When a list is taken out and when it comes back."""

from __future__ import annotations

from services.blocklists.blocklists.health import Kind, Verdict
from services.blocklists.blocklists.standing import Standing, after_check, put_back, restored, taken_out

FINE, DEAD, WORLD = Verdict(Kind.FINE, "", 1), Verdict(Kind.DEAD, "no answer", 5000), Verdict(Kind.WORLD, "it lists 127.0.0.1", 2)


def run(standing: Standing, *verdicts: Verdict, failures: int = 3, recoveries: int = 2) -> Standing:
    for moment, verdict in enumerate(verdicts, 100):
        standing = after_check(standing, verdict, moment, failures, recoveries)
    return standing


def test_a_dead_list_goes_after_some_checks_in_a_row() -> None:
    new = Standing("a.test")
    assert not run(new, DEAD, DEAD, FINE, DEAD, DEAD).out
    gone = run(new, DEAD, DEAD, DEAD)
    assert (gone.out, gone.by, gone.since) == (True, "check", 102)
    assert "no answer" in gone.reason


def test_a_list_that_lists_the_world_goes_at_once() -> None:
    gone = run(Standing("a.test"), FINE, WORLD)
    assert (gone.out, gone.since, gone.failures) == (True, 101, 1)


def test_it_comes_back_after_good_checks_in_a_row() -> None:
    gone = run(Standing("a.test"), WORLD)
    assert run(gone, FINE, DEAD, FINE).out
    back = run(gone, FINE, FINE)
    assert (back.out, back.reason, back.failures) == (False, "", 0)


def test_what_a_person_took_out_only_a_person_puts_back() -> None:
    gone = taken_out(Standing("a.test"), "they moved", 50)
    assert run(gone, *[FINE] * 9).out
    back = put_back(gone, 60)
    assert (back.out, back.by) == (False, "")
    assert not run(back, DEAD, DEAD).out
    assert run(back, WORLD).out


def test_a_person_may_hold_out_what_a_check_took_out() -> None:
    gone = taken_out(run(Standing("a.test"), WORLD), "enough of it", 500)
    assert (gone.by, gone.since) == ("operator", 100), "it has been out since the check"
    assert run(gone, FINE, FINE, FINE).out


def test_it_is_remembered() -> None:
    gone = run(Standing("a.test"), WORLD)
    assert restored("a.test", gone.told()) == gone
    assert restored("a.test", gone.told() | {"of a later version": 1}) == gone
    assert restored("a.test", None) == Standing("a.test")
