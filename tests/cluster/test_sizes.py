"""What the door has taken is not too large for a room behind it: each hop makes a letter a little larger."""

from __future__ import annotations

from frontdoor import post
from tests.laboratory import SENDER, Lab
from tests.people import People

LINE = 76


def test_a_letter_of_the_largest_size_that_the_exchanger_takes_arrives(lab: Lab, people: People) -> None:
    person = people["bela"]
    limit = int(lab.run(lab.exchanger.name, "postconf -c /etc/postfix-outside -h message_size_limit"))
    # The door measures its queue file, with its own Received line and the envelope (cleanup(8)): how much that is, only the door knows.
    for allowance in range(1000, 4000, 200):
        token = post.new_token()
        space = limit - allowance - len(post.letter(token, SENDER, person.mail, body="x\n"))
        _, outcome = lab.send(person.mail, token=token, body=("x" * LINE + "\n") * (space // (LINE + 2)))
        if outcome.sent:
            break
    assert outcome.sent, outcome
    store, folder = lab.store_of(person).name, f"/mnt/home/{person.uid}/Maildir/new"
    try:
        found = f"grep -rl {token} {folder} | wc -l"
        assert post.wait_for(lambda: lab.run(store, found, check=False).strip() == "1", 120)
    finally:
        lab.run(store, f"grep -rl {token} {folder} | xargs -r rm -f", check=False)
