"""The accounts of the database's consumers: each may do what it needs, from where it is, over TLS, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .database import Database
from .errors import UsageError
from .settings import Admin

#: What amavis writes at the end of a message (its sql_clause upd_msg). It may not turn one message into another.
_FINAL = "content, quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, client_addr, originating"

#: Account -> (setting that names the database, table or *) -> rights.
RIGHTS: dict[str, dict[tuple[str, str], str]] = {
    "content_filter": {
        **{("database", table): "SELECT" for table in ("users", "policy", "wblist", "mailaddr")},
        ("database", "maddr"): "SELECT, INSERT",
        ("database", "msgs"): f"SELECT, INSERT, UPDATE ({_FINAL})",
        ("database", "msgrcpt"): "SELECT, INSERT",
        ("database", "quarantine"): "SELECT, INSERT",
    },
    "antispam": {("antispam", "*"): "SELECT, INSERT, UPDATE, DELETE"},
    "review": {
        **{("database", table): "SELECT" for table in ("msgs", "quarantine", "maddr", "purged", "job", "migration")},
        ("database", "msgrcpt"): "SELECT, UPDATE (rs)",
        # What was done stays done: no account can change or remove a row of it.
        ("database", "audit"): "SELECT, INSERT",
        ("database", "learn"): "SELECT, INSERT, UPDATE",
        ("database", "disposal"): "SELECT, INSERT",
    },
    "rates": {("database", table): "SELECT, INSERT, UPDATE, DELETE" for table in ("rate_holder", "rate_use")},
}
#: The system user that does maintenance, by socket.
MAINTENANCE = "quarantine"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the inventory wants it: from these addresses, with this password."""

    name: str
    hosts: tuple[str, ...]
    password: str = field(repr=False)


def read(found: Mapping[str, Any]) -> list[Account]:
    """Read the accounts file: a table for each account. Raises UsageError, never with a password in it."""
    accounts = []
    for name, given in found.items():
        if name not in RIGHTS:
            raise UsageError(f"there is no account {name}; there are {', '.join(RIGHTS)}")
        hosts, password = given.get("hosts"), given.get("password")
        if not isinstance(hosts, list) or not all(isinstance(one, str) and re.fullmatch(r"[0-9A-Fa-f.:/]+", one) for one in hosts):
            raise UsageError(f"{name}: hosts are addresses, not names")
        if not isinstance(password, str) or len(password) < 12:
            raise UsageError(f"{name}: the password has at least 12 characters")
        accounts.append(Account(name, tuple(hosts), password))
    return accounts


def scrambled(password: str) -> str:
    """Return the form in which the server keeps a password, so that the word itself is in no statement (mysql_native_password)."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()  # noqa: S324  the server's own form


def make_databases(database: Database, settings: Admin) -> list[str]:
    """Make the databases that are missing, and say which. Needs root's rights only when one is missing."""
    done = []
    for name in (settings.database, settings.antispam, settings.scratch):
        if not database.value("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", (name,)):
            database.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            done.append(f"database {name} made")
    return done


def apply(database: Database, settings: Admin, accounts: list[Account]) -> list[str]:
    """Make the accounts what they should be; return what was changed, as sentences without secrets. Needs root's rights and the tables."""
    done = _maintenance(database, settings)
    for account in accounts:
        present = {host for (host,) in database.rows("SELECT Host FROM mysql.user WHERE User = %s", (account.name,))}
        for host in sorted(present - set(account.hosts)):
            database.run("DROP USER %s@%s", (account.name, host))
            done.append(f"account {account.name}@{host} removed")
        for host in account.hosts:
            done += _account(database, settings, account, host, host in present)
    for name in RIGHTS.keys() - {account.name for account in accounts}:
        for (host,) in database.rows("SELECT Host FROM mysql.user WHERE User = %s", (name,)):
            database.run("DROP USER %s@%s", (name, host))
            done.append(f"account {name}@{host} removed")
    return done


def _account(database: Database, settings: Admin, account: Account, host: str, present: bool) -> list[str]:
    done = []
    secret = scrambled(account.password)
    if not present:
        database.run("CREATE USER %s@%s IDENTIFIED BY PASSWORD %s REQUIRE SSL", (account.name, host, secret))
        done.append(f"account {account.name}@{host} made")
    else:
        kept, tls = database.rows(
            "SELECT authentication_string, ssl_type FROM mysql.user WHERE User = %s AND Host = %s", (account.name, host)
        )[0]
        if not hmac.compare_digest(str(kept), secret) or tls != "ANY":
            database.run("ALTER USER %s@%s IDENTIFIED BY PASSWORD %s REQUIRE SSL", (account.name, host, secret))
            done.append(f"account {account.name}@{host} has another password")
    wanted = {
        f"{_order(rights)} ON `{getattr(settings, place)}`.{'*' if table == '*' else f'`{table}`'}"
        for (place, table), rights in RIGHTS[account.name].items()
    }
    return done + _grant(database, account.name, host, wanted)


def _grant(database: Database, name: str, host: str, wanted: set[str]) -> list[str]:
    lines = [str(line) for (line,) in database.rows("SHOW GRANTS FOR %s@%s", (name, host))]
    present = {_order(match[1]) + " ON " + match[2] for line in lines if (match := re.match(r"GRANT (.+) ON (\S+) TO ", line))}
    present.discard("USAGE ON *.*")
    if present == wanted:
        return []
    if present:
        database.run("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@%s", (name, host))
    for one in sorted(wanted):
        database.run(f"GRANT {one} TO %s@%s", (name, host))
    return [f"account {name}@{host} has other rights"]


def _order(rights: str) -> str:
    """Write rights in one order, as the server says them in another: 'UPDATE (b, a), SELECT' becomes 'SELECT, UPDATE (`a`, `b`)'."""
    parts = re.findall(r"([A-Z ]+?)\s*(?:\(([^)]*)\))?(?:,\s*|$)", rights)
    ordered = []
    for word, columns in parts:
        names = sorted(one.strip(" `") for one in columns.split(",") if one.strip())
        ordered.append(word.strip() + (f" ({', '.join(f'`{one}`' for one in names)})" if names else ""))
    return ", ".join(sorted(ordered))


def _maintenance(database: Database, settings: Admin) -> list[str]:
    done = []
    if not database.value("SELECT 1 FROM mysql.user WHERE User = %s AND Host = 'localhost'", (MAINTENANCE,)):
        database.run("CREATE USER %s@'localhost' IDENTIFIED VIA unix_socket", (MAINTENANCE,))
        done.append(f"account {MAINTENANCE}@localhost made")
    wanted = {f"ALL PRIVILEGES ON `{name}`.*" for name in (settings.database, settings.antispam, settings.scratch)}
    return done + _grant(database, MAINTENANCE, "localhost", wanted)
