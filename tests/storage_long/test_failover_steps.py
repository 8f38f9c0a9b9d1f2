"""A failover in a pretended world, which needs no lab: away and back, dead, without a proof, and ended anywhere."""

from __future__ import annotations

import pytest

from tests.architecture.test_failover_steps import AWAY, HOME, Failover, failover, in_order

__all__ = ["failover"]


def test_away_and_back_in_the_order_that_protects_the_mail(failover: Failover) -> None:
    ran = failover("artemis")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    in_order(
        failover.acts,
        f"storage_free_info {AWAY}",
        "systemctl stop",
        f"storage_free_info {HOME}",
        "tree shelf 10.143.0.71",
        f"storage_volumes {AWAY}",
        f"queue_accounts {AWAY}",
        f"tree mailstore {AWAY}",
        "tree dns 10.143.0.2",
        "postqueue",
    )
    assert "reboot" not in failover.acts
    assert (failover.active, failover.stand_in) == ([AWAY], "artemis")
    failover.change()
    ran = failover("apollo")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    in_order(failover.acts, f"storage_free_info {HOME}", "systemctl stop", "tree shelf 10.143.0.71", f"tree standby {AWAY}")
    assert (failover.active, failover.stand_in) == ([HOME], "")
    failover.nobody_wrote_twice()


def test_a_dead_machine_is_no_obstacle(failover: Failover) -> None:
    failover.change(old="dead")
    ran = failover("artemis")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert "artemis" in failover.stand_in
    assert "reboot" not in failover.acts
    assert "did not let go of its disks" in ran.stdout
    failover.nobody_wrote_twice()
    # Home again is not possible before it answers, and nothing is touched.
    failover.change()
    assert failover("apollo").returncode != 0
    assert not [act for act in failover.acts if act.startswith(("tree", "systemctl"))]
    assert failover.stand_in == "artemis"


def test_a_run_without_a_proof_is_turned_round(failover: Failover) -> None:
    failover.change(more_cards=["02:53:00:00:00:18"])
    assert failover("artemis").returncode != 0
    failover.change(more_cards=[])
    assert failover("apollo").returncode == 0
    assert (failover.active, failover.stand_in) == ([HOME], "")
    failover.nobody_wrote_twice()


@pytest.mark.parametrize("ends_at", range(2, 18))
def test_a_run_that_ended_anywhere_is_repeated(failover: Failover, ends_at: int) -> None:
    failover.change(ends_at=ends_at)
    failover("artemis")
    failover.nobody_wrote_twice()
    failover.change()
    ran = failover("artemis")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert (failover.active, failover.stand_in) == ([AWAY], "artemis")
    failover.nobody_wrote_twice()
    assert "stand_in.yml): commit that now" in " ".join(ran.stdout.split()), "also when the run that wrote it said nothing more"
