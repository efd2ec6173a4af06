"""What a site must show. Each proof returns facts, or raises DemoError when it does not hold."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgward.client import conninfo
from pgward.demo import parts
from pgward.demo.client import Psql, wait_for_end
from pgward.demo.errors import DemoError
from pgward.demo.parts import Edge, Identity, Tunnel, Workshop
from pgward.system.postgres import Cluster

CUT_SECONDS = 5.0
_CONTENTS = (
    "create table orders (id int primary key, item text); "
    "insert into orders values (1, 'ink'), (2, 'paper'); "
)
ASK = "select current_user, current_database(), count(*) from orders"
ASK_TLS = (
    "select version, cipher, client_dn, client_serial, issuer_dn "
    "from pg_stat_ssl where pid = pg_backend_pid()"
)
_NO_CERTIFICATE = "connection requires a valid client certificate"
_STRANGER = "unknown ca"
_REVOKED = "certificate revoked"


@dataclass(frozen=True, slots=True)
class TlsRow:
    """PostgreSQL's own view of a session's TLS, and what the session asked it."""

    answer: dict[str, Any]
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """How a revocation ended a live session, in seconds after the administrator's command began."""

    seconds: float
    session: str
    tunnel: str


def fill(psql: Psql, tunnel: Tunnel) -> None:
    """Put a table into the person's own database, through the tunnel."""
    psql.query(tunnel.conninfo, _CONTENTS)


def query(psql: Psql, where: str, me: Identity) -> TlsRow:
    """Query, and have PostgreSQL tell whose certificate it validated: ours, over TLS 1.3."""
    answer = json.loads(psql.query(where, as_json(ASK)))
    row = json.loads(psql.query(where, as_json(ASK_TLS)))
    expected = {"client_dn": f"/CN={parts.USER}", "client_serial": me.serial, "version": "TLSv1.3"}
    for name, value in expected.items():
        if row[name] != value:
            raise DemoError(f"pg_stat_ssl.{name} is {row[name]!r}, and not {value!r}")
    return TlsRow(answer, row)


def without_certificate(psql: Psql, where: str, nowhere: Path) -> str:
    """Connect without a certificate: PostgreSQL itself must refuse that."""
    # libpq skips a certificate file that is not there (manual, chapter 34.19.2).
    bare = f"{where} {conninfo.write({'sslcert': str(nowhere)})}"
    return psql.refused(bare, _NO_CERTIFICATE, what="a connection without a certificate")


def stranger(psql: Psql, edge: Edge, who: Identity) -> str:
    """Connect to the edge with another CA's certificate for the same name: it must refuse."""
    where = conninfo.write(
        {
            "host": edge.address.host,
            "port": edge.address.port,
            "user": parts.USER,
            "dbname": parts.DATABASE,
            "sslmode": "require",
            "sslcert": who.cert,
            "sslkey": who.key,
        }
    )
    return psql.refused(where, _STRANGER, what="a certificate of another CA")


def revocation(shop: Workshop, psql: Psql, tunnel: Tunnel, *, reason: str) -> Cut:
    """Block the person while a session works: it must end within seconds."""
    session = psql.work(tunnel.conninfo)
    started = time.monotonic()
    shop.admin("user", "block", parts.USER, "--reason", reason)
    seconds = wait_for_end(session, started, CUT_SECONDS)
    said = "; ".join(session.log.read_text(errors="replace").splitlines())
    return Cut(seconds, said, _problem(shop))


def refused_next(shop: Workshop, psql: Psql, tunnel: Tunnel) -> str:
    """Connect again through the tunnel: the edge must refuse, and the tunnel say why."""
    psql.refused(tunnel.conninfo, "", what="a blocked person")
    problem = _problem(shop)
    if "blocked" not in problem:
        raise DemoError(f"the tunnel gives another reason: {problem}")
    return problem


def refused_natively(shop: Workshop, psql: Psql, cluster: Cluster, where: str) -> str:
    """Connect straight to PostgreSQL: with the newest revocation list it must refuse too."""
    parts.refresh(shop, cluster)
    return psql.refused(where, _REVOKED, what="a revoked certificate")


def _problem(shop: Workshop) -> str:
    (status,) = json.loads(shop.person("status", "--output", "json").output)
    return str(status["problem"])


def as_json(query: str) -> str:
    """Return a query whose answer is its first row as JSON."""
    return f"select row_to_json(answer) from ({query}) as answer"  # noqa: S608 - our own constants
