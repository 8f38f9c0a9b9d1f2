"""A MariaDB of our own in a temporary directory, with TLS, for tests of what the quarantine keeps in it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.quarantine.quarantine import accounts, migrate
from services.quarantine.quarantine.database import Database, by_socket, over_tls
from services.quarantine.quarantine.settings import Admin, Review

PASSWORDS = {name: f"{name}-test-password" for name in accounts.RIGHTS}


class PrivateMariadb:
    """Runs while its `with` lasts. Needs the packages mariadb-server-core and mariadb-client; a server of the machine is left alone."""

    def __init__(self, *options: str) -> None:
        """options: further options of mariadbd."""
        self.home = Path(tempfile.mkdtemp(prefix="posthouse-mariadb-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.ca = self.home / "cert.pem"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Make its data, start, wait until it answers."""
        data = self.home / "data"
        fill = [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            f"--user={self.user}",
            "--auth-root-authentication-method=socket",
        ]
        fill += [f"--auth-root-socket-user={self.user}", "--skip-test-db"]
        subprocess.run(fill, check=True, capture_output=True)
        key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        key += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*key, "-keyout", self.home / "key.pem", "-out", self.ca], check=True, capture_output=True)
        command: list[Any] = ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--user={self.user}", "--skip-name-resolve"]
        command += ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.home / 'sock'}", f"--pid-file={self.home / 'pid'}"]
        command += [
            f"--ssl-cert={self.ca}",
            f"--ssl-key={self.home / 'key.pem'}",
            "--require-secure-transport=on",
            "--plugin-load-add=auth_socket",
        ]
        command += ["--sql-mode=STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION", "--character-set-server=utf8mb4"]
        command += ["--innodb-log-file-size=64M", "--innodb-flush-log-at-trx-commit=2", f"--log-error={self.home / 'log'}", *self._options]
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while not (self.home / "sock").is_socket():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mariadbd did not start: {(self.home / 'log').read_text()[-800:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop and leave nothing. What it has is thrown away; asked to stop, one that has just begun was seen not to hear it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
        shutil.rmtree(self.home)

    def admin(self, **changes: Any) -> Admin:
        """Return the settings of the maintenance command."""
        dumps = self.home / "dumps"
        dumps.mkdir(exist_ok=True)
        return Admin(socket=str(self.home / "sock"), dumps=str(dumps), **changes)

    def review(self, **changes: Any) -> Review:
        """Return the settings of the review command."""
        given: dict[str, Any] = {"host": "localhost", "port": self.port, "password": PASSWORDS["review"], "ca": str(self.ca)} | changes
        return Review(**given)

    def root(self, database: str | None = None) -> Database:
        """Connect with all rights."""
        return by_socket(str(self.home / "sock"), self.user, database)

    def account(self, name: str, database: str = "quarantine", **changes: Any) -> Database:
        """Connect as one of the consumers, over TLS."""
        return over_tls(self.review(**{"user": name, "password": PASSWORDS[name], "database": database} | changes))

    def set_up(self, settings: Admin | None = None) -> list[str]:
        """Make databases, tables and accounts, as `quarantine-admin setup` does; return what was changed."""
        settings = settings or self.admin()
        with self.root() as database:
            done = accounts.make_databases(database, settings)
            done += [one.name for one in migrate.migrate(database, settings)]
            wanted = [accounts.Account(name, ("127.0.0.1",), password) for name, password in PASSWORDS.items()]
            return done + accounts.apply(database, settings, wanted)

    def tool(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the mariadb client with all rights."""
        command = ["mariadb", "--no-defaults", f"--socket={self.home / 'sock'}", "--batch", "--skip-column-names", *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=300)
