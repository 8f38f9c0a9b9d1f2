"""The quarantine's machine: who may do what over which connection, and its upkeep on the real database."""
# ruff: noqa: S608, because statements are put together from words of this file

from __future__ import annotations

import json
import shlex
from functools import partial
from typing import Any

import pytest

from tests.laboratory import Lab

CONNECT = """
import json, sys, pymysql, ssl
given = json.load(sys.stdin)
tls = {"ssl": ssl.create_default_context(cafile="/etc/ssl/posthouse/ca.pem")} if given["tls"] else {"ssl_disabled": True}
try:
    line = pymysql.connect(host=given["host"], user=given["user"], password=given["password"], database=given["database"], **tls)
    cursor = line.cursor()
    cursor.execute(given["statement"])
    print("fine")
except pymysql.MySQLError as fault:
    print(fault.args[0])
"""
#: ER_ACCESS_DENIED, ER_TABLEACCESS_DENIED, ER_COLUMNACCESS_DENIED, ER_SPECIFIC_ACCESS_DENIED, ER_DBACCESS_DENIED.
DENIED = {"1045", "1142", "1143", "1227", "1044"}


@pytest.fixture(scope="module")
def database(lab: Lab) -> str:
    return lab.inventory.machines("quarantine")[0].name


@pytest.fixture(scope="module")
def filtering(lab: Lab) -> str:
    return lab.inventory.machines("content_filter")[0].name


def ask(lab: Lab, machine: str, account: str, statement: str, **changes: Any) -> str:
    """Connect from a machine as an account, run a statement, and return "fine" or the number of the error."""
    given = {
        "host": lab.inventory.machines("quarantine")[0].fqdn,
        "user": account,
        "password": str(lab.inventory.values["cluster_secrets"][f"quarantine_{account}"]),
        "database": "antispam" if account == "antispam" else "quarantine",
        "statement": statement,
        "tls": True,
    }
    return lab.run(machine, f"python3 -c {shlex.quote(CONNECT)}", json.dumps(given | changes)).strip()


def test_nobody_speaks_without_tls(lab: Lab, filtering: str) -> None:
    for account in ("content_filter", "antispam", "review"):
        assert ask(lab, filtering, account, "SELECT 1") == "fine"
        assert ask(lab, filtering, account, "SELECT 1", tls=False) in {"1045", "3159"}


@pytest.mark.parametrize(
    ("account", "statement"),
    [
        ("content_filter", "DELETE FROM quarantine"),
        ("content_filter", "UPDATE msgrcpt SET rs = 'R'"),
        ("content_filter", "SELECT * FROM antispam.txrep"),
        ("content_filter", "UPDATE policy SET spam_lover = 'Y'"),
        ("antispam", "SELECT * FROM quarantine.quarantine"),
        ("review", "DELETE FROM audit"),
        ("review", "UPDATE audit SET actor = 'nobody'"),
        ("review", "SELECT * FROM users"),
        ("review", "SELECT authentication_string FROM mysql.user"),
    ],
)
def test_an_account_has_the_rights_it_needs_and_no_other(lab: Lab, filtering: str, account: str, statement: str) -> None:
    assert ask(lab, filtering, account, statement) in DENIED


def test_there_is_nobody_else(lab: Lab, database: str) -> None:
    found = lab.run(database, 'mariadb -N -B -e "SELECT User, Host FROM mysql.user ORDER BY 1, 2"').splitlines()
    nouns = dict.fromkeys(("antispam", "content_filter", "review"), "content_filter") | {"rates": "submission"}
    ours = [
        f"{name}\t{address}"
        for name, noun in nouns.items()
        for machine in lab.inventory.machines(noun)
        for address in (machine.address, machine.address6)
        if address
    ]
    local = [f"{name}\tlocalhost" for name in ("mariadb.sys", "mysql", "quarantine", "root")]
    assert sorted(found) == sorted([*ours, *local])
    assert "test" not in lab.run(database, "mariadb -N -B -e 'SHOW DATABASES'").split()


def test_passwords_are_where_they_belong_and_nowhere_else(lab: Lab, database: str, filtering: str) -> None:
    words = "\n".join(str(value) for name, value in lab.inventory.values["cluster_secrets"].items() if name.startswith("quarantine_"))
    for machine in (database, filtering):
        for source in ("journalctl -q -o cat", "ps axww -o args", "cat /var/log/apt/*.log"):
            assert lab.run(machine, f"cat > /run/words; {source} | grep -c -F -f /run/words; rm /run/words", words).strip() == "0", (
                machine,
                source,
            )
    assert lab.run(filtering, "stat -c '%U:%G %a' /etc/posthouse/quarantine.toml").strip() == "root:quarantine 640"
    assert lab.run(database, "stat -c '%U:%G %a' /etc/posthouse/quarantine-accounts.toml").strip() == "root:root 600"


def test_an_ordinary_user_reads_nobodys_mail(lab: Lab, filtering: str) -> None:
    said = lab.run(filtering, "setpriv --reuid=nobody --regid=nogroup --clear-groups quarantine list; echo $?")
    assert said.strip().endswith("2")
    assert "@" not in said


def test_migrations_and_accounts_are_as_they_should_be_already(lab: Lab, database: str) -> None:
    assert lab.run(database, "quarantine-admin setup").strip() == ""
    assert lab.run(database, "runuser -u quarantine -- quarantine-admin migrate").strip() == ""


def test_dumps_can_be_restored(lab: Lab, database: str) -> None:
    for unit in ("dump", "check"):
        lab.run(database, f"systemctl start posthouse-quarantine-{unit}.service", timeout=300)
    said = json.loads(lab.run(database, "quarantine-admin status --json", check=False))
    assert {name: said["jobs"][name]["state"] for name in ("dump", "check")} == {"dump": "fine", "check": "fine"}
    assert said["jobs"]["check"]["detail"]["quarantine"]["rows"] > 5
    assert lab.run(database, "stat -c '%U %a' /var/lib/quarantine/dumps/*").split() == ["quarantine", "600"] * 2 * len(said["dumps"])


WRITE = """
import sys, time
sys.path.insert(0, "/usr/lib/posthouse/quarantine")
from quarantine.database import by_socket
slowest, number = 0.0, 0
with by_socket("/run/mysqld/mysqld.sock", "root", sys.argv[1]) as database:
    while not number or database.value("SELECT COUNT(*) FROM msgs WHERE partition_tag = 202001 LIMIT 1"):
        number += 1
        begun = time.monotonic()
        database.run("INSERT INTO msgs (partition_tag, mail_id, am_id, time_num, time_iso, sid, size, content, quar_type, host)"
                     " VALUES (202647, %s, '', UNIX_TIMESTAMP(), '', 1, 1, 'S', 'Q', '')", (f"new{number}",))
        database.run("INSERT INTO quarantine VALUES (202647, %s, 1, 'x')", (f"new{number}",))
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.01)
print(number, slowest)
"""


def test_a_filter_goes_on_writing_while_much_is_purged(lab: Lab, database: str) -> None:
    name, rows = "quarantine_purge_test", 20_000
    sql = partial(lab.run, database, f"mariadb -N -B {name}")
    lab.run(database, f"mariadb -e 'DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; CREATE DATABASE IF NOT EXISTS {name}_antispam'")
    try:
        lab.run(database, "cat > /run/purge-test.toml", f'database = "{name}"\nantispam = "{name}_antispam"\n')
        lab.run(database, "quarantine-admin --config /run/purge-test.toml migrate")
        sql(
            "INSERT INTO msgs (partition_tag, mail_id, am_id, time_num, time_iso, sid, size, content, quar_type, host) SELECT 202001,"
            f" LEFT(SHA2(seq, 256), 12), '', UNIX_TIMESTAMP() - 40 * 86400, '', 1, 1000, 'S', 'Q', '' FROM seq_1_to_{rows};"
            "INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, ds, rs) SELECT partition_tag, mail_id, 1, 1, 'D', ' ' FROM msgs;"
            "INSERT INTO quarantine SELECT partition_tag, mail_id, 1, REPEAT('x', 1000) FROM msgs;"
        )
        writer = f"python3 -c {shlex.quote(WRITE)} {name} > /run/purge-test.out &"
        lab.run(database, f"{writer} quarantine-admin --config /run/purge-test.toml purge; wait", timeout=240)
        written, slowest = lab.run(database, "cat /run/purge-test.out").split()
        assert int(written) > 10
        assert float(slowest) < 2.0, f"an insert took {slowest} s"
        assert sql("SELECT COUNT(*) FROM msgs").strip() == sql("SELECT COUNT(*) FROM quarantine").strip() == written
        assert sql("SELECT COUNT(*) FROM msgrcpt").strip() == "0"
        assert sql("SELECT COUNT(*) FROM purged").strip() == str(rows)
    finally:
        lab.run(database, f"mariadb -e 'DROP DATABASE {name}; DROP DATABASE {name}_antispam'; rm -f /run/purge-test.*")
