"""Addresses that ask a server to carry mail elsewhere, in every disguise that is known; and who may ask whom for what."""

from __future__ import annotations

from collections.abc import Iterator

#: Each is refused by a server that takes mail for its own people alone. {mine}: an address of ours; {domain}, {host}, {collapsed}: the
#: cluster's domain, the server, an old name of the domain. "victim" stands for a local part that nobody has, another one in each letter.
FORMS = [
    "victim@elsewhere.test",
    "victim@other.elsewhere.test",
    "victim@elsewhere.test.",
    # Domain literals (RFC 5321 4.1.3), and numbers that somebody takes for addresses.
    "victim@[198.51.100.200]",
    "victim@198.51.100.200",
    "victim@[IPv6:2001:db8:198:51::200]",
    "victim@[2001:db8:198:51::200]",
    "victim@[::ffff:198.51.100.200]",
    "victim@3325256904",
    "victim@#3325256904",
    "victim@[127.0.0.1]",
    "victim@[IPv6:::1]",
    "victim@localhost",
    # The percent hack and the bang path (RFC 1123 5.2.16, 5.3.6).
    "victim%elsewhere.test@{domain}",
    "victim%elsewhere.test@{host}",
    "victim%elsewhere.test@{collapsed}",
    "victim%elsewhere.test@[127.0.0.1]",
    "victim%elsewhere.test%other.test@{domain}",
    "victim%elsewhere.test",
    "victim@elsewhere.test%{domain}",
    "elsewhere.test!victim@{domain}",
    "elsewhere.test!victim@{host}",
    "elsewhere.test!victim",
    "{domain}!elsewhere.test!victim",
    "elsewhere.test!victim%other.test@{domain}",
    # An address inside the quotes of another.
    '"victim@elsewhere.test"@{domain}',
    '"victim@elsewhere.test"',
    '"victim%elsewhere.test"@{domain}',
    '"elsewhere.test!victim"@{domain}',
    '"victim"@elsewhere.test',
    '"victim\\@elsewhere.test"@{domain}',
    # Source routes (RFC 5321, appendix C): the way is not followed, the last address counts.
    "@{domain}:victim@elsewhere.test",
    "@{host},@elsewhere.test:victim@elsewhere.test",
    "@[127.0.0.1]:victim@elsewhere.test",
    "@{domain}:victim%elsewhere.test@{domain}",
    # More than one @, and names that only look like ours.
    "victim@elsewhere.test@{domain}",
    "victim@{domain}@elsewhere.test",
    "victim@{domain}.elsewhere.test",
    "victim@not{domain}",
    "{mine}.elsewhere.test",
    "victim@sub.{domain}",
    "victim@{host}",
    # Letters outside ASCII (RFC 6531), also where they look like a dot or an @.
    "vict\u00edm@elsewhere.test",
    "victim@\u0435lsewhere.test",
    "victim@elsewhere\u3002test",
    "victim\uff20elsewhere.test@{domain}",
    # What is no mailbox at all.
    "root@localhost.localdomain",
    "|/bin/true@{domain}",
    "/etc/passwd@{domain}",
    ":include:/etc/passwd@{domain}",
    "\\victim@{domain}",
    "victim(elsewhere.test)@elsewhere.test",
]
#: As whom they are asked: a stranger, nobody, one of ours, and as the server itself.
SENDERS = ["writer@elsewhere.test", "", "{mine}", "postmaster@{domain}", "root@{host}", "{mine}@elsewhere.test", "writer@[198.51.100.200]"]


def disguised(words: dict[str, str], token: str, senders: list[str] | None = None) -> Iterator[tuple[str, str]]:
    """Give sender and recipient of each form twice: from the first of the senders, and from another in turn.

    words: what stands for the names in braces. token: the beginning of every victim's name.
    """
    asked = SENDERS if senders is None else senders
    for number, form in enumerate(FORMS):
        for turn, sender in enumerate(dict.fromkeys([asked[0], asked[number % len(asked)]])):
            victim = f"{token}-{number}-{turn}"
            yield sender.format(**words), form.replace("victim", victim).replace("vict\u00edm", f"v\u00ed-{victim}").format(**words)
