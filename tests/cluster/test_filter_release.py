"""What was kept by mistake reaches its reader once, and only the reader whose it is."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests.corpus import eicar, unwanted
from tests.corpus.sample import Sample
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person


def command(content_filter: Filter, *words: str) -> tuple[int, dict[str, Any]]:
    """Run the reviewers' command; return its exit code and its answer."""
    line = f"quarantine {shlex.join([words[0], '--json', *words[1:]])}; echo; echo $?"
    *answer, code = content_filter.lab.run(content_filter.machine, line, timeout=120).strip().splitlines()
    return int(code), json.loads("".join(answer))


def kept(content_filter: Filter, sample: Sample, *people: Person) -> tuple[str, str]:
    """Have a letter kept for some people; return its token and its name in the quarantine."""
    ledger = content_filter.send([sample], people)
    content_filter.settle(ledger, people[0])
    ((token, item),) = ledger.kept.items()
    return token, item["id"]


def test_a_released_letter_arrives_once_and_for_one_reader(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    mine, others = readers["wary"], readers["bold"]
    token, name = kept(content_filter, unwanted.banned()[0], mine, others)
    code, answer = command(content_filter, "release", name, "--person", mine.mail)
    assert code == 0, answer
    assert [one["recipient"] for one in answer["results"]] == [mine.mail]
    message = lab.receive(mine, token)
    assert any(part.get_filename() == "setup.exe" for part in message.walk()), "the letter is whole"
    code, answer = command(content_filter, "release", name, "--person", mine.mail)
    assert (code, answer["error"]) == (7, "already")
    assert content_filter.tokens(mine).count(token) == 1
    assert token not in content_filter.tokens(others)
    states = {item["recipient"]: item["state"] for item in content_filter.items() if item["id"] == name}
    assert states[mine.mail] == "released"
    assert states[others.mail] == "held"


@pytest.mark.parametrize("act", ["show", "release", "delete", "confirm"])
def test_nobody_touches_what_is_somebody_elses(content_filter: Filter, readers: dict[str, Person], act: str) -> None:
    token, name = kept(content_filter, unwanted.spam()[0], readers["wary"])
    code, answer = command(content_filter, act, name, "--person", readers["bold"].mail)
    assert (code, answer["error"]) == (5, "not-yours")
    assert token not in content_filter.tokens(readers["wary"])


def test_no_secret_leaves_the_server(content_filter: Filter, readers: dict[str, Person]) -> None:
    """AM.PDP releases whatever comes with the right secret; reviewers need none and get none."""
    _, name = kept(content_filter, eicar.variants()[0], readers["wary"])
    question = f"SELECT secret_id FROM msgs WHERE mail_id = '{name}'"  # noqa: S608, because the name came from the quarantine itself
    held = content_filter.sql(question).split()
    assert len(held) == 1
    _, listed = command(content_filter, "list", "--recipient", readers["wary"].mail)
    _, shown = command(content_filter, "show", name)
    assert held[0] not in json.dumps([listed, shown])
