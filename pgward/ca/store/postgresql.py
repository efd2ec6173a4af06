"""How a replica connects to PostgreSQL, so that each side soon notices when the other is gone.

Settings that the URL, or the service it names, gives itself are left alone where libpq has them.
(PostgreSQL manual, chapters 34.1.2 and 20.11.)
"""

import re
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from pgward.ca.store import pulse
from pgward.core.errors import InvalidInputError

APPLICATION = "pgward-ca"
DRIVER = "postgresql+psycopg"
CHANGES = "pgward_changes"  # the channel on which replicas tell each other of news
_PORT = "5432"
_MULTIPLE = re.compile(
    r"(?P<head>postgresql(?:\+psycopg)?://(?:[^@/?#]*@)?)"
    r"(?P<hosts>[^@/?#,]*(?:,[^@/?#,]*)+)(?P<path>[^?#]*)(?:\?(?P<query>.*))?"
)
# A server whose machine vanished is given up after 15 s, one that cannot be reached after 5.
_CLIENT = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
    "application_name": APPLICATION,
    "target_session_attrs": "read-write",
    "client_encoding": "utf8",
}
# A replica that vanished must not keep its locks for the two hours of TCP's defaults, nor one
# that stands still for ever. What was answered is on the disk, whatever the server's default.
# A statement ends before `pulse` gives it up, so that the server's word on it is heard.
_SERVER = """
    SELECT set_config(known.name, wanted.value, false)
    FROM (VALUES ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '5'),
                 ('tcp_keepalives_count', '2'), ('tcp_user_timeout', '15000'),
                 -- a writer must see what those did for whom it waited
                 ('default_transaction_isolation', 'read committed'),
                 ('statement_timeout', '20s'), ('idle_in_transaction_session_timeout', '60s'),
                 ('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END)
         ) AS wanted (name, value)
    JOIN pg_settings AS known USING (name)"""
_PATIENCE = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"


def with_hosts_apart(url: str) -> str:
    """Turn libpq's ``//user@a:1,b:2/db`` into the form that SQLAlchemy reads."""
    found = _MULTIPLE.fullmatch(url)
    if found is None:
        return url
    hosts = [host if ":" in host else f"{host}:{_PORT}" for host in found["hosts"].split(",")]
    query = [*(f"host={host}" for host in hosts), *filter(None, [found["query"]])]
    return f"{found['head']}{found['path']}?{'&'.join(query)}"


def has_password(url: URL) -> bool:
    """Tell whether a secret stands in a URL itself."""
    return url.password is not None or "password" in url.query


def refuse_password(url: URL) -> None:
    """Raise InvalidInputError for a secret where everyone on the machine can read it."""
    if has_password(url):
        raise InvalidInputError(
            "a password on the command line is seen by everyone on this machine",
            hint="keep it in ~/.pgpass (or PGPASSFILE), or give --database-url-file",
        )


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return libpq's parameters beyond those of the URL."""
    return {name: value for name, value in _CLIENT.items() if name not in url.query}


def configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
    """Prepare a new connection of the driver's; InvalidInputError when it cannot hold any name."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise InvalidInputError(
            f"the database's encoding is {encoding}, and must be UTF8",
            hint="CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )
    connection.execute(_SERVER)
    connection.commit()


def be_patient(connection: Any) -> None:
    """Let this transaction last: a migration, a backup."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_PATIENCE)
        pulse.be_patient(connection)
