"""The edge's own login where there are several servers, or an old pooler before one."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgward.core.address import Address
from pgward.system.postgres import Cluster, free_port, temporary_directory
from pgward.tunnel.edge.state_postgres import Config, NoAuth, UserRule
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.health import HealthWatch
from pgward.tunnel.edge.upstreams.values import Credentials
from tests.fixtures.edge_process import eventually
from tests.fixtures.pgbouncer import PROGRAM
from tests.fixtures.postgres import matrix_binaries, reachable
from tests.fixtures.standby import Pair, streaming
from tests.fixtures.upstream_servers import Edge, Server, service_of, unused

pytestmark = pytest.mark.integration

_BOUNCER = """\
[databases]
* = host={socket_dir} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = session
"""


@pytest.fixture(scope="module")
def pair(pg_template: Path) -> Iterator[Pair]:
    with streaming(pg_template, synchronous=False) as made:
        for each in (made.primary, made.standby):
            trusting = "local all all trust\nhost all all all trust\n"
            (each.data_dir / "pg_hba.conf").write_text(trusting)
            each.reload()
        yield made


def at(*servers: Cluster, **changes) -> Config:
    addresses = tuple(Address("127.0.0.1", each.port) for each in servers)
    return Config(None, addresses, UserRule(force="postgres"), NoAuth(), **changes)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("any", "standby"),
        ("read-write", "primary"),
        ("primary", "primary"),
        ("read-only", "standby"),
        ("standby", "standby"),
        ("prefer-standby", "standby"),
    ],
)
def test_the_right_server_of_two_is_found(pair, wanted, found):
    config = at(pair.standby, pair.primary, ssl_mode="disable", target_session_attrs=wanted)
    upstream, answer = Edge("").open(config, Credentials(), sql="SELECT pg_is_in_recovery()")
    assert answer == ("t" if found == "standby" else "f")
    assert upstream.address.port == getattr(pair, found).port


def test_without_a_standby_the_primary_is_preferred(pair):
    config = at(pair.primary, ssl_mode="disable", target_session_attrs="prefer-standby")
    _, answer = Edge("").open(config, Credentials(), sql="SELECT pg_is_in_recovery()")
    assert answer == "f"


def test_it_is_told_of_each_server_what_is_wrong_with_it(pair):
    config = at(pair.primary, ssl_mode="disable", target_session_attrs="standby")
    away = unused()
    config = Config(
        None, (away, *config.upstreams), config.user, config.auth, ssl_mode="disable",
        target_session_attrs="standby",
    )  # fmt: skip
    with pytest.raises(UpstreamError) as caught:
        Edge("").open(config, Credentials())
    assert caught.value.message == (
        f"no database server will do: the edge cannot reach the database at {away}:"
        f" Connection refused; the database at 127.0.0.1:{pair.primary.port} is not it:"
        " it is no standby"
    )


def test_a_server_that_reports_nothing_is_asked():
    with temporary_directory() as directory:
        bin_dir = reachable(matrix_binaries(12), directory)
        with Cluster(directory, bin_dir) as old:
            (old.data_dir / "pg_hba.conf").write_text("local all all trust\nhost all all all trust")
            old.reload()
            for wanted in ("read-write", "primary"):
                Edge("").open(
                    at(old, ssl_mode="disable", target_session_attrs=wanted), Credentials()
                )
            config = at(old, ssl_mode="disable", target_session_attrs="standby")
            with pytest.raises(UpstreamError, match="it is no standby"):
                Edge("").open(config, Credentials())


@pytest.fixture
def old_pooler(pg: Cluster) -> Iterator[Address]:
    """A pgbouncer that knows nothing of protocol 3.2, before a server."""
    if not PROGRAM.exists():
        pytest.skip("pgbouncer is not here: run tools/setup_pgbouncer.sh")
    listen, account = free_port(), pg.account
    with temporary_directory() as directory:
        config, log = directory / "pgbouncer.ini", directory / "log"
        config.write_text(_BOUNCER.format(socket_dir=pg.socket_dir, port=pg.port, listen=listen))
        user = {} if account is None else {"user": account.uid, "group": account.gid}
        if account is not None:
            os.chown(config, account.uid, account.gid)
        with log.open("wb") as output:
            process = subprocess.Popen([PROGRAM, config], stdout=output, stderr=output, **user)
        try:
            eventually(lambda: b"process up" in log.read_bytes(), what=log.read_text())
            yield Address("127.0.0.1", listen)
        finally:
            process.terminate()
            process.wait(10)


def test_an_old_pooler_gets_the_older_protocol(old_pooler):
    edge = Edge("")
    config = Config(None, (old_pooler,), UserRule(force="anybody"), NoAuth(), ssl_mode="prefer")
    found, answer = edge.open(config, Credentials(), minor=2)
    assert (found.minor, answer, found.is_encrypted) == (0, "1", False)
    assert set(edge.upstreams._old) == {old_pooler}
    assert edge.open(config, Credentials(), minor=2)[1] == "1"


def test_a_pooler_tells_of_settings_that_it_does_not_know(old_pooler):
    config = Config(None, (old_pooler,), UserRule(force="anybody"), NoAuth(), ssl_mode="prefer")
    with pytest.raises(UpstreamError) as caught:
        Edge("").open(config, Credentials(), work_mem="5MB")
    assert caught.value.message == (
        f"the database at {old_pooler} does not let the edge in as anybody:"
        " unsupported startup parameter: work_mem"
    )


def test_a_pooler_without_tls_is_refused_where_the_service_wants_it(old_pooler):
    config = Config(None, (old_pooler,), UserRule(force="anybody"), NoAuth(), ssl_mode="require")
    with pytest.raises(UpstreamError) as caught:
        Edge("").open(config, Credentials())
    assert caught.value.message == (
        f"the edge cannot reach the database at {old_pooler}:"
        " PostgreSQL speaks no TLS, and the service wants it (sslMode: require)"
    )


def test_probes_find_what_is_wrong_and_leave_nothing_in_the_log(upstream_server: Server):
    away = unused()
    good = upstream_server.config(upstreams=(upstream_server.address, away))
    wrong = upstream_server.config(server_name="db.example.com")
    edge = Edge(upstream_server.ca.server_root.decode())
    services = {"a": service_of(good), "b": service_of(wrong)}

    async def no_key(_config):
        return None

    async def main() -> list[tuple[str, Address, str | None]]:
        watch = HealthWatch(lambda: services, edge.upstreams.secure, no_key)
        await watch.ask_all()
        return [(each.service, each.address, each.problem) for each in watch.known]

    before = len(upstream_server.cluster.log_path.read_bytes())
    found = asyncio.run(main())
    mismatch = (
        f"the database at {upstream_server.address} did not prove that it is db.example.com:"
        " Hostname mismatch, certificate is not valid for 'db.example.com'"
    )
    assert set(found) == {
        ("a", upstream_server.address, None),
        ("a", away, f"the edge cannot reach the database at {away}: Connection refused"),
        ("b", upstream_server.address, mismatch),
    }
    edge.open(upstream_server.config(), upstream_server.credentials, sql="SELECT 1")
    said = upstream_server.cluster.log_path.read_bytes()[before:].decode()
    assert [line for line in said.splitlines() if "bad certificate" not in line] == []
