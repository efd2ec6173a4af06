"""The programs and drivers for which there is a format, by the names that people give them."""

from collections.abc import Callable
from dataclasses import dataclass

from pgward.client.config.facts import Facts
from pgward.client.config.formats import (
    dotnet,
    go,
    javascript,
    jvm,
    libpq,
    pgadmin,
    python,
)


@dataclass(frozen=True, slots=True)
class Format:
    """``render`` writes facts down; ``file`` is what to call that (``{}``: the service).

    ``sslmode`` tells how strictly the client verifies, ``der`` that it wants the DER key.
    """

    render: Callable[[Facts], str]
    file: str
    sslmode: Callable[[Facts], str] = lambda facts: facts.sslmode
    der: bool = False


FORMATS = {
    "psql": Format(libpq.psql, "{}.sh"),
    "libpq": Format(libpq.connection_string, "{}.conninfo"),
    "uri": Format(libpq.uri, "{}.uri"),
    "env": Format(libpq.env, "{}.env"),
    "jdbc": Format(jvm.jdbc, "{}.jdbc", jvm.sslmode, der=True),
    "dbeaver": Format(jvm.dbeaver, "data-sources-pgward-{}.json", jvm.sslmode, der=True),
    "datagrip": Format(jvm.datagrip, "{}-datagrip.txt", jvm.sslmode, der=True),
    "pgadmin": Format(pgadmin.pgadmin, "{}-pgadmin.json"),
    "psycopg": Format(python.psycopg, "{}_psycopg.py"),
    "asyncpg": Format(python.asyncpg, "{}_asyncpg.py"),
    "pg8000": Format(python.pg8000, "{}_pg8000.py"),
    "sqlalchemy": Format(python.sqlalchemy, "{}.sqlalchemy"),
    "node-postgres": Format(javascript.node_postgres, "{}-pg.cjs"),
    "postgres.js": Format(javascript.postgres_js, "{}-postgres.cjs"),
    "npgsql": Format(dotnet.npgsql, "{}.npgsql", jvm.sslmode),
    "pgx": Format(go.pgx, "{}_pgx.go"),
    "pgx-v4": Format(go.pgx_v4, "{}_pgx.go"),
    "lib-pq": Format(go.lib_pq, "{}_pq.go"),
    "dbd-pg": Format(libpq.perl, "{}.pl"),
    "php": Format(libpq.php, "{}.php"),
    "ruby": Format(libpq.ruby, "{}.rb"),
}


def warning(name: str, facts: Facts) -> str | None:
    """Return what a person must know of this client's way to verify the server, if anything."""
    if FORMATS[name].sslmode(facts) == facts.sslmode:
        return None
    return (
        f"{name} cannot verify the name {facts.host} at {facts.target}: it verifies that a server"
        " of your CA answers, not which one (verify-ca); --native verifies both"
    )
