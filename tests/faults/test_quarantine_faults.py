"""The database or the filter is away while somebody reviews: said so, and nothing is lost or delivered twice."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.corpus import unwanted
from tests.faults import faults
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person


@pytest.fixture(scope="module")
def letter(content_filter: Filter, readers: dict[str, Person]) -> tuple[str, str]:
    return content_filter.kept(unwanted.spam()[0], readers["wary"])


def test_without_the_filter_nothing_is_released_and_the_item_stays(
    lab: Lab, content_filter: Filter, readers: dict[str, Person], letter: tuple[str, str]
) -> None:
    token, name = letter
    with faults.stopped(lab, "amavis.service", [content_filter.machine]):
        code, answer = content_filter.command("release", name)
        assert (code, answer["error"]) == (3, "away")
    states = {item["id"]: item["state"] for item in content_filter.items(readers["wary"].mail)}
    assert states[name] == "held"
    assert post.wait_for(lambda: content_filter.command("release", name)[0] == 0, 60)
    lab.receive(readers["wary"], token)
    assert content_filter.tokens(readers["wary"]).count(token) == 1


def test_without_the_database_the_command_says_so(lab: Lab, content_filter: Filter) -> None:
    with faults.stopped(lab, "mariadb.service", [content_filter.database]):
        code, answer = content_filter.command("list")
        assert (code, answer["error"]) == (3, "away")
        lab.run(content_filter.machine, "systemctl start posthouse-quarantine-learn.service")
        assert lab.run(content_filter.machine, "systemctl is-failed posthouse-quarantine-learn.service", check=False).strip() != "failed"
    assert content_filter.command("list")[0] == 0
