"""libpq and whatever is built on it: psql, DBD::Pg, PHP, Ruby, psycopg's own module aside.

All of them know ``hostaddr``: they connect to the tunnel and verify the server's own name.
"""

from pgward.client.config.facts import Facts
from pgward.client.config.quoting import shell, single, url
from pgward.client.conninfo import write

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
}


def fields(facts: Facts) -> dict[str, str]:
    """Return libpq's parameters (PostgreSQL manual, chapter 34.1.2).

    Under ``require`` a root file would turn verification on (chapter 34.19.1), so only the
    verifying modes name one.
    """
    found = {"host": facts.host}
    if facts.address is not None:
        found["hostaddr"] = facts.address
    found |= {"port": str(facts.port), "user": facts.user, "dbname": facts.database}
    found["sslmode"] = facts.sslmode
    if facts.shows_certificate:
        found |= {"sslcert": facts.cert, "sslkey": facts.key}
    if facts.verifies:
        found["sslrootcert"] = facts.ca
    return found


def connection_string(facts: Facts) -> str:
    """Return ``key=value …``."""
    return write(fields(facts))


def uri(facts: Facts) -> str:
    """Return ``postgresql://…``."""
    found = fields(facts)
    host = found.pop("host")
    place = f"[{host}]" if ":" in host else host
    user, port, name = url(found.pop("user")), found.pop("port"), url(found.pop("dbname"))
    query = "&".join(f"{key}={url(value, safe='/')}" for key, value in found.items())
    return f"postgresql://{user}@{place}:{port}/{name}?{query}"


def psql(facts: Facts) -> str:
    """Return a command for a shell."""
    return f"psql {shell(connection_string(facts))}"


def env(facts: Facts) -> str:
    """Return commands for a shell that set libpq's variables and take back those in the way."""
    found = fields(facts)
    unset = ["PGSERVICE", *(name for key, name in _VARIABLES.items() if key not in found)]
    lines = [f"export {_VARIABLES[key]}={shell(value)}" for key, value in found.items()]
    return "\n".join([f"unset {' '.join(unset)}", *lines])


def perl(facts: Facts) -> str:
    """Return Perl for DBD::Pg.

    It takes quotes in a DSN apart by rules of its own, so the variables of libpq it is.
    """
    given = "\n".join(
        f"        {_VARIABLES[key]} => {single(value)}," for key, value in fields(facts).items()
    )
    return f"""\
use DBI;

my $connection = do {{
    local %ENV = (
        %ENV,
{given}
    );
    DBI->connect('dbi:Pg:', '', '', {{ RaiseError => 1 }});
}};"""


def php(facts: Facts) -> str:
    """Return PHP for its functions pg_*."""
    return f"""\
<?php
$connection = pg_connect({single(connection_string(facts))});"""


def ruby(facts: Facts) -> str:
    """Return Ruby for the gem pg."""
    found = fields(facts)
    lines = "\n".join(f"  {key}: {single(value)}," for key, value in found.items())
    return f"""\
require 'pg'

connection = PG.connect(
{lines}
)"""
