"""An edge that takes PostgreSQL's own clients: in mode tcp, and in mode postgres.

In mode tcp it passes bytes on; in mode postgres it logs in to PostgreSQL itself, reads what is
said, and puts all of it on record. The client's certificate is the same, and so is PostgreSQL.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.authority import PERSON, SERVER_NAME, pgward
from bench.database import DATABASE
from bench.peers.base import Peer, Site
from bench.processes import BenchError, free_port, running, wait_listening
from pgward.core.address import Address


def login(address: Address, site: Site) -> str:
    """Return the connection string of a client that shows its certificate, without a tunnel."""
    files = site.certificates
    return (
        f"host={SERVER_NAME} hostaddr={address.host} port={address.port} user={PERSON} "
        f"dbname={DATABASE} sslmode=verify-full sslsni=0 gssencmode=disable "
        f"sslcert={files.client.certificate} sslkey={files.client.key} "
        f"sslrootcert={files.server_roots}"
    )


@contextmanager
def _start(site: Site, *, name: str, spec: dict[str, Any]) -> Iterator[Peer]:
    """Enrol and run an edge with one service, which all clients get."""
    if site.authority is None:
        raise BenchError(f"the peer {name} needs the pgward CA")
    own = site.directory.name
    listen = Address("127.0.0.1", free_port())
    directory = site.authority.enroll(own, listen)
    site.authority.add_service(own, own, site.upstream, **spec)
    serve = pgward("edge", "serve", directory, "--listen", str(listen))
    serve += ["--default-service", own, "--log-level", "warning"]
    log = site.directory / "edge.log"
    with running(serve, log) as process:
        wait_listening(listen, process, log)
        yield Peer(
            name,
            listen,
            {"edge": (process.pid,)},
            {"service": _shown(spec)},
            login(listen, site),
        )


def _postgres(ssl_mode: str) -> dict[str, Any]:
    return {
        "mode": "postgres",
        "postgres": {
            "user": {"force": PERSON},
            "database": {"force": DATABASE},
            "auth": {"none": True},
            "sslMode": ssl_mode,
        },
    }


def _shown(spec: dict[str, Any], indent: int = 0) -> str:
    lines = []
    for key, value in spec.items():
        inner = isinstance(value, dict)
        lines.append(f"{' ' * indent}{key}:{'' if inner else f' {value}'}\n")
        lines.append(_shown(value, indent + 2) if inner else "")
    return "".join(lines)


start_tcp = partial(_start, name="edge-tcp", spec={"sslMode": "disable"})
start_aware = partial(_start, name="edge-aware", spec=_postgres("disable"))
start_aware_tls = partial(_start, name="edge-aware-tls", spec=_postgres("require"))


def auditor_of(tree: Iterable[int]) -> tuple[int, ...]:
    """Return the process id of an edge's auditor, within its process tree; none if it has none."""
    return tuple(
        pid
        for pid in tree
        if b"pgward.tunnel.edge.auditor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
