"""Letters of plain text as people and programs write them, in many languages and spellings: all of them are welcome."""

# ruff: noqa: RUF001, because people write in many alphabets

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator
from email.header import Header

from tests.corpus import containers as pack
from tests.corpus.sample import Sample, crlf, part

ENGLISH = """Hello Alma,

the meeting of the library committee moves to Thursday at ten, in room 204.
Please bring the figures for the periodicals; I have the ones for the books.

Regards,
Walter
"""

# charset, subject, text; what a person might really write
LANGUAGES = [
    ("utf-8", "Spotkanie w środę", "Dzień dobry,\n\nspotkanie odbędzie się w środę o dziesiątej, sala 204.\n\nPozdrawiam\nŁukasz\n"),
    ("utf-8", "会议改到星期四", "各位老师好：\n\n图书馆委员会的会议改到星期四上午十点。\n\n谢谢\n王\n"),
    ("utf-8", "موعد الاجتماع", "السلام عليكم،\n\nتم تغيير موعد الاجتماع إلى يوم الخميس.\n\nمع التحية\n"),
    ("utf-8", "Lunch? 🥪", "Sandwiches at noon? 🥪☀️\n"),
    ("iso-2022-jp", "会議の日程", "お世話になっております。\n\n会議は木曜日の午前十時に変更になりました。\n\nよろしくお願いいたします。\n"),
    ("shift_jis", "会議の日程", "会議は木曜日の午前十時に変更になりました。\n"),
    ("euc-kr", "회의 일정", "안녕하세요,\n\n회의가 목요일로 변경되었습니다.\n\n감사합니다\n"),
    ("gb2312", "会议改期", "各位好，会议改到星期四。\n"),
    ("big5", "會議改期", "各位好，會議改到星期四。\n"),
    ("koi8-r", "Заседание комитета", "Здравствуйте,\n\nзаседание библиотечного комитета перенесено на четверг.\n\nС уважением,\nИван\n"),
    ("windows-1251", "Заседание комитета", "Здравствуйте,\n\nзаседание перенесено на четверг.\n"),
    ("iso-8859-1", "Réunion du comité", "Bonjour,\n\nla réunion est reportée à jeudi à dix heures.\n\nCordialement\nÉlodie\n"),
    ("iso-8859-2", "Schůze výboru", "Dobrý den,\n\nschůze výboru se přesouvá na čtvrtek.\n\nS pozdravem\nJiří\n"),
    ("iso-8859-15", "Kosten: 20 €", "Guten Tag,\n\ndie Gebühr beträgt 20 €.\n\nMit freundlichen Grüßen\n"),
    ("windows-1252", "“Quoted” – and dashed", "Dear all,\n\nthe “old” reading room – on the first floor – is closed.\n"),
    ("iso-8859-7", "Συνεδρίαση", "Καλημέρα,\n\nη συνεδρίαση μεταφέρεται για την Πέμπτη.\n"),
    ("windows-1255", "הישיבה נדחתה", "שלום,\n\nהישיבה נדחתה ליום חמישי.\n"),
    ("tis-620", "เลื่อนประชุม", "เรียนทุกท่าน\n\nการประชุมเลื่อนไปวันพฤหัสบดี\n"),
]


def letters() -> Iterator[Sample]:
    """Yield letters of one text."""
    yield Sample("english", part("text/plain; charset=us-ascii", crlf(ENGLISH)))
    for number, (charset, subject, text) in enumerate(LANGUAGES):
        title = f"Subject: {Header(subject, charset).encode()}"
        body = crlf(text).decode().encode(charset)
        if charset == "iso-2022-jp":
            yield Sample(f"language-{number}-{charset}", part(f"text/plain; charset={charset}", body, title, encoding="7bit"))
            continue
        yield Sample(f"language-{number}-{charset}", part(f"text/plain; charset={charset}", body, title, encoding="8bit"))
        yield Sample(
            f"language-{number}-{charset}-base64", part(f"text/plain; charset={charset}", pack.wrapped(body), title, encoding="base64")
        )
    yield from spellings()
    yield from conversation()


def spellings() -> Iterator[Sample]:
    """Yield what the standards allow and few programs do."""
    plain = "text/plain; charset=us-ascii"
    yield Sample("no-mime", b"\r\n" + crlf(ENGLISH), ["MIME-Version"])
    yield Sample("flowed", part(f"{plain}; format=flowed; delsp=yes", crlf("A paragraph that \ngoes on \nand ends.\n\n> quoted \n> too\n")))
    yield Sample("empty-body", part(plain, b""))
    yield Sample("one-word", part(plain, b"ok\r\n"))
    yield Sample("no-subject", part(plain, crlf(ENGLISH)), ["Subject"])
    yield Sample("empty-subject", part(plain, crlf(ENGLISH), "Subject:"))
    yield Sample("dots-and-from", part(plain, crlf("From here on:\n.\n..\n.dot\nFrom there.\n--\n-- \n")))
    yield Sample("long-lines", part(plain, b"word " * 190 + b"\r\n" + b"w" * 990 + b"\r\n"))
    long = quopri.encodestring(("A very long line – " * 200).encode(), quotetabs=True).replace(b"\n", b"\r\n")
    yield Sample("long-line-quoted", part("text/plain; charset=utf-8", long + b"\r\n", encoding="quoted-printable"))
    yield Sample("no-end-of-line", part(plain, b"The last line does not end."))
    yield Sample("utf-16", part("text/plain; charset=utf-16", pack.wrapped("Grüße aus Łódź\n".encode("utf-16")), encoding="base64"))
    words = " ".join(f"=?utf-8?B?{base64.b64encode(word.encode()).decode()}?=" for word in ["Über", " die", " Größe", " der", " Bücher"])
    yield Sample("subject-in-many-words", part(plain, crlf(ENGLISH), f"Subject: {words}"))
    yield Sample("names-in-words", part(plain, crlf(ENGLISH), "From: =?iso-8859-1?Q?J=FCrgen_M=FCller?= <writer@elsewhere.test>"))
    yield Sample("undisclosed", part(plain, crlf(ENGLISH), "To: undisclosed-recipients:;"))
    yield Sample("group", part(plain, crlf(ENGLISH), "To: Committee: alma@elsewhere.test, bela@elsewhere.test;"))
    yield Sample("comments", part(plain, crlf(ENGLISH), "From: writer@elsewhere.test (Walter (the writer))"))
    yield Sample("quoted-name", part(plain, crlf(ENGLISH), 'From: "Writer, Walter \\"W\\"" <writer@elsewhere.test>'))
    yield Sample("many-in-copy", part(plain, crlf(ENGLISH), "Cc: " + ",\n ".join(f"Person {n} <p{n}@elsewhere.test>" for n in range(60))))
    fields = ["Resent-From: bela@elsewhere.test", "Resent-To: alma@elsewhere.test", "Resent-Message-ID: <resent@elsewhere.test>"]
    yield Sample("resent", part(plain, crlf(ENGLISH), *fields))
    yield Sample("other-fields", part(plain, crlf(ENGLISH), "Importance: high", "X-Priority: 1", "Organization: Elsewhere", "X-Face: abc"))


def conversation() -> Iterator[Sample]:
    """Yield replies, posts to lists, and what programs report."""
    plain = "text/plain; charset=utf-8"
    quoted = "".join(f"{'>' * depth} {line}\n" for depth in range(1, 6) for line in ENGLISH.splitlines() if line)
    chain = "References: " + "\n ".join(f"<message-{number}.{number * 7919}@elsewhere.test>" for number in range(40))
    yield Sample("reply", part(plain, crlf(f"Agreed.\n\n{quoted}"), "In-Reply-To: <message-39@elsewhere.test>", chain))
    forward = "-------- Forwarded Message --------\nSubject: Lunch\nDate: Mon, 12 Nov 2012\nFrom: Bela <bela@elsewhere.test>\n\n"
    yield Sample("forwarded-inline", part(plain, crlf(f"See below.\n\n{forward}{ENGLISH}")))
    lists = ["List-Id: Readers <readers.lists.elsewhere.test>", "List-Post: <mailto:readers@lists.elsewhere.test>", "Precedence: list"]
    lists += ["List-Unsubscribe: <mailto:readers-leave@lists.elsewhere.test>", "Sender: readers-bounces@lists.elsewhere.test"]
    foot = "\n_______________________________________________\nreaders mailing list\nreaders@lists.elsewhere.test\n"
    yield Sample("list-post", part(plain, crlf(ENGLISH + foot), "Subject: [readers] Periodicals", *lists))
    patch = "From: Walter <writer@elsewhere.test>\n\n---\n a.c | 2 +-\n\n"
    patch += "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-int a;\n+long a;\n-- \n2.47.3\n"
    yield Sample("patch", part(plain, crlf(patch), "Subject: [PATCH v2 1/3] a: widen", "X-Mailer: git-send-email 2.47.3", *lists))
    log = "".join(f"Nov 12 0{number % 10}:00:01 host CRON[{number}]: (root) CMD (true)\n" for number in range(200))
    yield Sample("cron-report", part(plain, crlf(log), "Subject: Cron <root@host> /usr/local/bin/report", "Auto-Submitted: auto-generated"))
    yield Sample("vacation", part(plain, crlf("I am away until Monday.\n"), "Subject: Auto: away", "Auto-Submitted: auto-replied"))
    yield Sample("code-to-log-in", part(plain, crlf("Your code is 482913. It is valid for ten minutes.\n"), "Subject: Your code"))
    order = "Thank you for your order 10-2231.\n\n  2 x Notebook A5      7.80\n  1 x Ink, blue       12.50\n  Total               20.30\n"
    yield Sample("receipt", part(plain, crlf(order), "Subject: Your receipt, order 10-2231"))
    yield Sample("about-viruses", part(plain, crlf("The talk on computer viruses, spam and phishing is on Friday; bring your laptops.\n")))
    yield Sample("csv-in-text", part(plain, crlf("name;room;phone\n" + "".join(f"Person {n};{n};555-{n:04}\n" for n in range(100)))))
    armour = base64.b64encode(bytes(number * 37 % 256 for number in range(400))).decode()
    signed = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{ENGLISH}\n"
    signed += f"-----BEGIN PGP SIGNATURE-----\n\n{armour[:64]}\n=abcd\n-----END PGP SIGNATURE-----\n"
    yield Sample("pgp-inline", part(plain, crlf(signed)))
