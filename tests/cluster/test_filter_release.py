"""What was kept by mistake reaches its reader once, and only the reader whose it is."""

from __future__ import annotations

import json

import pytest

from tests.corpus import eicar, unwanted
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person


def test_a_released_letter_arrives_once_and_for_one_reader(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    mine, others = readers["wary"], readers["bold"]
    token, name = content_filter.kept(unwanted.banned()[0], mine, others)
    code, answer = content_filter.command("release", name, "--person", mine.mail)
    assert code == 0, answer
    assert [one["recipient"] for one in answer["results"]] == [mine.mail]
    message = lab.receive(mine, token)
    assert any(part.get_filename() == "setup.exe" for part in message.walk()), "the letter is whole"
    code, answer = content_filter.command("release", name, "--person", mine.mail)
    assert (code, answer["error"]) == (7, "already")
    assert content_filter.tokens(mine).count(token) == 1
    assert token not in content_filter.tokens(others)
    states = {item["recipient"]: item["state"] for item in content_filter.items() if item["id"] == name}
    assert states[mine.mail] == "released"
    assert states[others.mail] == "held"


@pytest.mark.parametrize("act", ["show", "release", "delete", "confirm"])
def test_nobody_touches_what_is_somebody_elses(content_filter: Filter, readers: dict[str, Person], act: str) -> None:
    token, name = content_filter.kept(unwanted.spam()[0], readers["wary"])
    code, answer = content_filter.command(act, name, "--person", readers["bold"].mail)
    assert (code, answer["error"]) == (5, "not-yours")
    assert token not in content_filter.tokens(readers["wary"])


def test_no_secret_leaves_the_server(content_filter: Filter, readers: dict[str, Person]) -> None:
    """AM.PDP releases whatever comes with the right secret; reviewers need none and get none."""
    _, name = content_filter.kept(eicar.variants()[0], readers["wary"])
    question = f"SELECT secret_id FROM msgs WHERE mail_id = '{name}'"  # noqa: S608, because the name came from the quarantine itself
    held = content_filter.sql(question).split()
    assert len(held) == 1
    _, listed = content_filter.command("list", "--recipient", readers["wary"].mail)
    _, shown = content_filter.command("show", name)
    assert held[0] not in json.dumps([listed, shown])
