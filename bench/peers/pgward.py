"""The real thing: ``pgward connect`` and ``pgward edge serve``, as their manuals say."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.authority import pgward
from bench.peers.base import Peer, Site
from bench.processes import BenchError, free_port, running, wait_listening
from pgward.core.address import Address


@contextmanager
def start(site: Site) -> Iterator[Peer]:
    """Enrol and run an edge, declare a service on it, and open a tunnel to that."""
    if site.authority is None:
        raise BenchError("the pgward peer needs the pgward CA")
    name = site.directory.name
    listen, edge = (Address("127.0.0.1", free_port()) for _ in range(2))
    with site.link(edge) as reached:
        directory = site.authority.enroll(name, reached)
        site.authority.add_service(name, name, site.upstream)
        serve = pgward("edge", "serve", directory, "--listen", str(edge))
        connect = pgward("connect", name, "--port", str(listen.port))
        edge_log, log = site.directory / "edge.log", site.directory / "client.log"
        with running(serve, edge_log) as edge_process:
            wait_listening(edge, edge_process, edge_log)
            with running(connect, log, env=site.authority.person) as process:
                wait_listening(listen, process, log)
                yield Peer(
                    "pgward",
                    listen,
                    {"client": (process.pid,), "edge": (edge_process.pid,)},
                    {"commands": _commands()},
                )


def _commands() -> str:
    return "pgward edge serve DIR --listen 127.0.0.1:PORT\npgward connect SERVICE --port PORT"
