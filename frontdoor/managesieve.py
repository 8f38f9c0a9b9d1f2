"""A ManageSieve client (RFC 5804), as far as a mail program needs it: log in, keep scripts."""

from __future__ import annotations

import base64
import re
import socket
import ssl

LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")


class SieveError(Exception):
    """The server answered NO or BYE; the text is its own."""


class ManageSieve:
    """One connection. Every method returns the lines before OK and raises SieveError on NO or BYE."""

    def __init__(self, connection: socket.socket, name: str) -> None:
        """Read the greeting. name: what the server's certificate must say."""
        self.name = name
        self.connection = connection
        self.stream = connection.makefile("rwb")
        self.capabilities = self._answer()

    def _line(self) -> bytes:
        line = self.stream.readline()
        if not line:
            raise SieveError("the server closed the connection")
        while found := LITERAL.search(line):
            line = line[: found.start()] + b'"' + self.stream.read(int(found[1])) + b'"' + self.stream.readline()
        return line.rstrip(b"\r\n")

    def _answer(self) -> list[str]:
        lines: list[str] = []
        while True:
            line = self._line().decode()
            word = line.split(" ", 1)[0].upper()
            if word == "OK":
                return lines
            if word in ("NO", "BYE"):
                raise SieveError(line)
            lines.append(line)

    def command(self, line: str) -> list[str]:
        """Send one command line and return what comes before OK."""
        self.stream.write(line.encode() + b"\r\n")
        self.stream.flush()
        return self._answer()

    def starttls(self, context: ssl.SSLContext) -> None:
        """Continue over TLS; the server repeats its capabilities (RFC 5804, 2.2)."""
        self.command("STARTTLS")
        self.connection = context.wrap_socket(self.connection, server_hostname=self.name)
        self.stream = self.connection.makefile("rwb")
        self.capabilities = self._answer()

    def login(self, user: str, password: str) -> None:
        """Authenticate by SASL PLAIN with an initial response."""
        response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.command(f'AUTHENTICATE "PLAIN" "{response}"')

    def put(self, name: str, script: str) -> None:
        """Store a script under a name; the server refuses what does not compile."""
        self.command(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')

    def activate(self, name: str) -> None:
        """Make this the one script that runs; an empty name stops them all."""
        self.command(f'SETACTIVE "{name}"')

    def delete(self, name: str) -> None:
        """Remove a script that is not active."""
        self.command(f'DELETESCRIPT "{name}"')

    def scripts(self) -> list[str]:
        """Return the names of the stored scripts."""
        return [line.split('"')[1] for line in self.command("LISTSCRIPTS") if line.startswith('"')]

    def logout(self) -> None:
        """Say goodbye and close."""
        try:
            self.command("LOGOUT")
        finally:
            self.stream.close()
            self.connection.close()
