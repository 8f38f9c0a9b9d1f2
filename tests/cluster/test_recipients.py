"""The exchanger hears of every change in the directory at once, and never forgets people because the directory is silent."""

from __future__ import annotations

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People, Person

AT_ONCE = 15.0


def test_a_new_person_a_new_address_and_a_leaver_are_known_at_once(lab: Lab, people: People) -> None:
    person = people.add("fresh", mailHost=lab.stores[1].fqdn)
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    entry = f"dn: uid={person.uid},ou=People,{suffix}\nchangetype: modify\n"
    assert not lab.knows(person.mail)
    lab.ldapmodify(person.ldif(suffix), add=True)
    assert within(lambda: lab.knows(person.mail)), "a new person"

    other = person.at("new")
    lab.ldapmodify(f"{entry}add: mailAlternateAddress\nmailAlternateAddress: {other}\n")
    assert within(lambda: lab.knows(other)), "a new address"
    token, _ = lab.send(other)
    lab.receive(person, token)

    lab.ldapmodify(f"{entry}delete: mailAlternateAddress\nmailAlternateAddress: {other}\n")
    assert within(lambda: not lab.knows(other)), "an address taken away"

    lab.ldapmodify(f"{entry}add: accountStatus\naccountStatus: deleted\n")
    assert within(lambda: not lab.knows(person.mail)), "a person who left"

    lab.ldapmodify(f"{entry}replace: accountStatus\naccountStatus: active\n")
    assert within(lambda: lab.knows(person.mail)), "a person who came back"


def test_a_move_to_another_mailstore_counts_for_the_next_letter(lab: Lab, people: People) -> None:
    """Nobody wrote before: Postfix remembers where the last letters for a person went for 30 s (resolve_clnt)."""
    person = people.add("mover", mailHost=lab.stores[0].fqdn)
    lab.enrol({"mover": person})
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    lab.ldapmodify(f"dn: uid={person.uid},ou=People,{suffix}\nchangetype: modify\nreplace: mailHost\nmailHost: {lab.stores[1].fqdn}\n")
    person.attributes["mailHost"] = lab.stores[1].fqdn
    assert within(lambda: login_store(lab, person) == lab.stores[1].name), "the login goes to the new mailstore"
    token, _ = lab.send(person.mail)
    assert post.path(lab.receive(person, token))[-1] == lab.stores[1].name


def login_store(lab: Lab, person: Person) -> str:
    """Return the mailstore on which a login ends."""
    with lab.imap(person):
        pass
    for store in lab.stores:
        command = f"journalctl -q -o cat -t dovecot --since -1min | grep -c 'Logged in: user=<{person.uid}>'"
        if int(lab.run(store.name, command, check=False) or 0) and store.fqdn == person.attributes["mailHost"]:
            return store.name
    return ""


def within(question: object) -> bool:
    assert callable(question)
    return bool(post.wait_for(question, AT_ONCE))
