"""The one PostgreSQL that every peer leads to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import run
from pgward.core.address import Address
from pgward.system.postgres import Cluster, find_client

_SETTINGS = {
    "max_connections": "1500",
    "shared_buffers": "512MB",
    # Nothing may hit the disk in the middle of a round.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "ssl": "off",
}
# The tunnel is measured, so PostgreSQL asks no password (SCRAM would cost every connect 1 ms).
_HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
_ROW_BYTES = 136
DATABASE = "postgres"
_COPY_SQL = """
create unlogged table copied_out as
    select id::int, repeat(md5(id::text), 4) as text from generate_series(1, {rows}) as id;
create unlogged table copied_in (id int, text text);
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A running PostgreSQL with pgbench's tables, and tables and a file for COPY."""

    address: Address
    server: Cluster
    copy_file: Path

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self.server.data_dir / "postmaster.pid").read_text().partition("\n")[0])

    def psql(self, sql: str) -> str:
        return self.server.psql(sql)


def conninfo(there: Address | str) -> str:
    """Return the libpq connection string; psql's own TLS is off, for the tunnel is measured.

    ``there`` may be a connection string already, of a peer that takes clients without a tunnel.
    """
    if isinstance(there, str):
        return there
    return (
        f"host={there.host} port={there.port} user=postgres dbname={DATABASE} "
        "sslmode=disable gssencmode=disable"
    )


@contextmanager
def running_database(directory: Path, *, scale: int, copy_megabytes: int) -> Iterator[Database]:
    """Run PostgreSQL below ``directory`` and fill it."""
    server = Cluster(directory / "postgres", settings=_SETTINGS).init()
    (server.data_dir / "pg_hba.conf").write_text(_HBA)
    try:
        server.start()
        database = Database(Address("127.0.0.1", server.port), server, directory / "copy.txt")
        _fill(database, scale, copy_megabytes)
        yield database
    finally:
        server.stop()


def _fill(database: Database, scale: int, copy_megabytes: int) -> None:
    there = conninfo(database.address)
    run([find_client("pgbench"), "--initialize", "--quiet", "--scale", str(scale), there])
    rows = copy_megabytes * 1_000_000 // _ROW_BYTES
    database.psql(_COPY_SQL.format(rows=rows))
    run([find_client("psql"), "-XqAt", there, "-c", rf"\copy copied_out to '{database.copy_file}'"])
    database.psql("vacuum analyze copied_out")
    database.psql("checkpoint")
