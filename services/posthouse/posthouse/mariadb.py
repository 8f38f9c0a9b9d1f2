"""Connect to a MariaDB on another machine, over TLS or not at all. Needs PyMySQL."""

from __future__ import annotations

import ssl
from typing import Any

import pymysql


def over_tls(host: str, ca: str, **options: Any) -> Any:
    """Return a connection to a server whose certificate names host and is signed by an authority in the file ca.

    options: of pymysql.connect, as port, user, password, database and the timeouts. Raises pymysql.MySQLError, OSError (of which
    ssl.SSLError is one).
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    connection = pymysql.connect(host=host, ssl=context, charset="utf8mb4", **options)
    # A server that offers no TLS gets none from the library, without a word: anybody on the way could have taken the offer out.
    if not isinstance(connection._sock, ssl.SSLSocket):
        connection.close()
        raise OSError(f"{host} offers no TLS, so nothing is asked of it")
    return connection
