"""The command quarantine, where reviewers stand: on the filter's machine, with letters that came in at the door."""

from __future__ import annotations

import base64
import json
from collections import Counter

import pytest

from frontdoor import post
from tests.corpus import unwanted
from tests.filtering import Filter
from tests.laboratory import DELIVERY, Lab
from tests.people import Person


@pytest.fixture(scope="module")
def pair(readers: dict[str, Person]) -> tuple[Person, Person]:
    return readers["wary"], readers["bold"]


def test_of_five_releases_at_once_one_delivers(lab: Lab, content_filter: Filter, pair: tuple[Person, Person]) -> None:
    mine, other = pair
    token, name = content_filter.kept(unwanted.spam()[1], mine, other)
    one = f"(quarantine release {name} --recipient {mine.mail} >/dev/null 2>&1; echo $?) &"
    codes = Counter(lab.run(content_filter.machine, f"{one * 5} wait", timeout=120).split())
    assert codes["0"] == 1
    assert codes["7"] + codes["9"] == 4, codes
    lab.receive(mine, token)
    assert content_filter.tokens(mine).count(token) == 1
    assert token not in content_filter.tokens(other)


def test_every_recipient_has_a_letter_of_their_own(lab: Lab, content_filter: Filter, pair: tuple[Person, Person]) -> None:
    token, name = content_filter.kept(unwanted.banned()[1], *pair)
    code, answer = content_filter.command("release", name)
    assert (code, answer["error"]) == (2, "usage"), "two recipients, and none was named"
    code, answer = content_filter.command("release", name, "--all")
    assert code == 0
    assert {one["recipient"]: one["result"] for one in answer["results"]} == {person.mail: "released" for person in pair}
    for person in pair:
        header = lab.receive(person, token).keys()
        assert not [field for field in header if field.lower().startswith(("x-envelope", "x-quarantine", "x-amavis"))]
    code, answer = content_filter.command("release", name, "--all")
    assert code == 7
    assert {one["error"] for one in answer["results"]} == {"already"}
    for person in pair:
        assert content_filter.tokens(person).count(token) == 1


def test_what_people_say_is_learned_once(lab: Lab, content_filter: Filter, pair: tuple[Person, Person]) -> None:
    def learned() -> tuple[int, int]:
        counts = content_filter.sql("SELECT COALESCE(SUM(spam_count), 0), COALESCE(SUM(ham_count), 0) FROM antispam.bayes_vars").split()
        return int(counts[0]), int(counts[1])

    mine, _ = pair
    lab.run(content_filter.machine, "systemctl start posthouse-quarantine-learn.service", timeout=180)
    spam, ham = learned()
    _, bad = content_filter.kept(unwanted.spam()[2], mine)
    token, good = content_filter.kept(unwanted.spam()[3], mine)
    assert content_filter.command("confirm", bad)[0] == 0
    assert content_filter.command("release", good, "--person", mine.mail)[0] == 0
    lab.receive(mine, token)
    lab.run(content_filter.machine, "systemctl start posthouse-quarantine-learn.service", timeout=180)
    assert learned() == (spam + 1, ham + 1)
    lab.run(content_filter.machine, "systemctl start posthouse-quarantine-learn.service", timeout=180)
    assert learned() == (spam + 1, ham + 1)
    listed = [item["id"] for item in content_filter.command("list", "--person", mine.mail)[1]["items"]]
    assert bad not in listed
    assert good not in listed
    assert content_filter.command("confirm", bad)[1]["error"] == "already"


def test_lists_are_of_one_person_and_by_page(content_filter: Filter, pair: tuple[Person, Person]) -> None:
    mine, other = pair
    for sample in unwanted.banned()[:3]:
        content_filter.kept(sample, mine)
    seen: list[str] = []
    mark: list[str] = []
    while True:
        code, answer = content_filter.command("list", "--person", mine.mail, "--state", "all", "--limit", "2", *mark)
        assert code == 0
        seen += [item["id"] for item in answer["items"]]
        assert {item["recipient"] for item in answer["items"]} <= {mine.mail}
        if not answer["next"]:
            break
        mark = ["--after", answer["next"]]
    assert len(seen) == len(set(seen)) > 3
    assert content_filter.command("list", "--person", mine.mail, "--since", "2020-01-01", "--until", "2020-01-02")[1]["items"] == []
    assert all(item["class"] == "banned" for item in content_filter.command("list", "--class", "banned")[1]["items"])
    mine_total, all_total = (content_filter.command("stats", *words)[1]["items"] for words in (["--person", mine.mail], []))
    assert 0 < mine_total < all_total
    assert other.mail not in json.dumps(content_filter.command("list", "--person", mine.mail, "--state", "all")[1])


def test_what_a_stranger_wrote_drives_no_terminal(lab: Lab, content_filter: Filter, pair: tuple[Person, Person]) -> None:
    mine, _ = pair
    evil = base64.b64encode("pay \x1b[2J\x9b31m now \u202eexe".encode()).decode()
    body = f"{unwanted.GTUBE.decode()}\r\n\x1b]0;owned\x07\r\n"
    token, outcome = lab.send(mine.mail, headers=[("X-Kind", "evil"), ("Comments", f"=?utf-8?b?{evil}?=")], body=body)
    assert outcome.sent, outcome
    found = post.wait_for(lambda: [one for one in content_filter.items(mine.mail) if token in json.dumps(one)], DELIVERY)
    assert found, "the letter is not kept"
    name = found[0]["id"]
    for words in (f"show {name}", f"list --state all --recipient {mine.mail}"):
        shown = lab.run(content_filter.machine, f"quarantine {words}")
        assert not [one for one in shown if (ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one == "\u202e"]
    assert "\\x1b]0;owned" in lab.run(content_filter.machine, f"quarantine show {name}")
    raw = lab.run(content_filter.machine, f"quarantine show {name} --raw | cat")
    assert "\x1b]0;owned" in raw
    assert "X-Envelope" not in raw


def test_what_is_wrong_is_told_apart(content_filter: Filter) -> None:
    for words, code, word in (
        (["show", "no;id"], 2, "usage"),
        (["release", "AAAAAAAAAAAA"], 4, "unknown"),
        (["list", "--person", "nobody"], 2, "usage"),
        (["list", "--after", "nonsense"], 2, "usage"),
    ):
        found, answer = content_filter.command(*words)
        assert (found, answer["error"]) == (code, word), words


def test_a_purged_letter_is_said_to_be_purged(lab: Lab, content_filter: Filter, pair: tuple[Person, Person]) -> None:
    _, name = content_filter.kept(unwanted.spam()[0], pair[0])
    content_filter.sql(f"UPDATE msgs SET time_num = time_num - 31 * 86400 WHERE mail_id = '{name}'")  # noqa: S608, because the id is amavis' own
    lab.run(content_filter.database, "systemctl start posthouse-quarantine-purge.service", timeout=180)
    code, answer = content_filter.command("release", name)
    assert (code, answer["error"]) == (6, "purged")
