"""The edge's own login at real servers: every method, every sslmode."""

import asyncio
from dataclasses import replace

import pytest

from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.pgwire.demands import Demands
from pgward.tunnel.edge.landing import Landing, landing, split_options
from pgward.tunnel.edge.state_postgres import SshJump
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.values import Credentials
from tests.fixtures.sshd import Sshd
from tests.fixtures.upstream_servers import PASSWORD, Edge, Server, unused

pytestmark = pytest.mark.integration

WHO = "SELECT current_user || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture
def edge(upstream_server: Server) -> Edge:
    return Edge(upstream_server.ca.server_root.decode())


def refused(edge: Edge, *arguments, **options) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        edge.open(*arguments, **options)
    assert PASSWORD.decode() not in f"{caught.value} {caught.value.hint} {caught.value.fields}"
    return caught.value


@pytest.mark.parametrize(
    ("mode", "method", "said"),
    [
        ("verify-full", "SCRAM-SHA-256-PLUS", "by_scram true"),
        ("disable", "SCRAM-SHA-256", "by_scram false"),
        ("verify-ca", "md5", "by_md5 true"),
        ("disable", "md5", "by_md5 false"),
        ("verify-full", "password", "by_password true"),
        ("require", "md5", "by_md5 true"),
        ("prefer", "none", "by_trust true"),
        ("disable", "none", "only_plain false"),
        ("prefer", "none", "only_plain false"),
    ],
)
def test_every_way_to_log_in(upstream_server, edge, mode, method, said):
    config, (user, encrypted) = upstream_server.config(ssl_mode=mode), said.split()
    found, answer = edge.open(config, upstream_server.credentials, user, sql=WHO)
    assert (found.method, answer) == (method, said)
    assert found.is_encrypted == (encrypted == "true")
    assert found.parameters["server_version"].startswith(str(upstream_server.cluster.version))
    assert found.key[0] > 0


def test_a_certificate_for_the_person_logs_in_as_the_role(upstream_server, edge):
    credentials = Credentials(certificate=upstream_server.certificate("alice"))
    column = "client_dn" if upstream_server.cluster.version > 11 else "clientdn"
    sql = f"SELECT {column} FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    _, answer = edge.open(upstream_server.config(), credentials, "by_certificate", sql=sql)
    assert answer == "/CN=alice"


def test_a_certificate_of_somebody_else_does_not(upstream_server, edge):
    credentials = Credentials(certificate=upstream_server.certificate("mallory"))
    error = refused(edge, upstream_server.config(), credentials, "by_certificate")
    assert error.sqlstate == "28000"
    assert error.is_about_credentials


def test_a_password_is_not_shown_without_tls(upstream_server, edge):
    config = upstream_server.config(ssl_mode="disable")
    error = refused(edge, config, upstream_server.credentials, "by_password")
    assert "asks for the password in clear text over a connection without TLS" in error.message


@pytest.mark.parametrize("mode", ["require", "prefer"])
def test_a_password_is_not_shown_to_a_server_that_nobody_verified(upstream_server, edge, mode):
    config = upstream_server.config(ssl_mode=mode)
    error = refused(edge, config, upstream_server.credentials, "by_password")
    assert (error.sqlstate, error.is_about_credentials) == ("08004", False)
    assert error.message == (
        f"the edge does not log in to the database at {upstream_server.address} as by_password:"
        " PostgreSQL asks for the password in clear text, and has not proved who it is"
    )
    named = replace(config, demands=Demands.read(["password"]))
    found, _ = edge.open(named, upstream_server.credentials, "by_password")
    assert found.method == "password"


@pytest.mark.parametrize(
    ("words", "user", "method"),
    [
        (["scram-sha-256"], "by_scram", "SCRAM-SHA-256-PLUS"),
        (["scram-sha-256"], "by_md5", None),
        (["scram-sha-256"], "by_trust", None),
        (["!md5", "!password"], "by_md5", None),
        (["!md5", "!password"], "by_trust", "none"),
        (["none"], "by_scram", None),
    ],
)
def test_only_what_the_service_allows_is_answered(upstream_server, edge, words, user, method):
    config = upstream_server.config(demands=Demands.read(words))
    if method is not None:
        found, _ = edge.open(config, upstream_server.credentials, user)
        assert found.method == method
        return
    error = refused(edge, config, upstream_server.credentials, user)
    assert "and requireAuth allows" in error.message


@pytest.mark.parametrize(
    ("binding", "mode", "method"),
    [
        ("require", "verify-full", "SCRAM-SHA-256-PLUS"),
        ("require", "require", "SCRAM-SHA-256-PLUS"),
        ("disable", "verify-full", "SCRAM-SHA-256"),
        ("require", "disable", None),
    ],
)
def test_channel_binding_is_as_the_service_wants_it(upstream_server, edge, binding, mode, method):
    config = upstream_server.config(ssl_mode=mode, demands=Demands(binding=binding))
    if method is not None:
        found, _ = edge.open(config, upstream_server.credentials)
        assert found.method == method
        return
    error = refused(edge, config, upstream_server.credentials)
    assert "channel binding is required" in error.message


def test_nothing_is_tried_without_tls_where_that_is_wanted(upstream_server, edge):
    config = upstream_server.config(ssl_mode="require")
    error = refused(edge, config, upstream_server.credentials, "only_plain")
    assert (error.sqlstate, "pg_hba.conf" in error.message) == ("28000", True)


def test_a_wrong_password_is_told_without_it(upstream_server, edge):
    config = upstream_server.config()
    error = refused(edge, config, Credentials(password=b"wrong"))
    assert error.message == (
        f"the database at {upstream_server.address} does not let the edge in as by_scram:"
        ' password authentication failed for user "by_scram"'
    )
    assert (error.sqlstate, error.is_about_credentials, error.is_final) == ("28P01", True, True)


def test_the_name_in_the_servers_certificate_must_be_the_right_one(upstream_server, edge):
    config = upstream_server.config(server_name="db.example.com")
    error = refused(edge, config, upstream_server.credentials)
    assert error.message == (
        f"the database at {upstream_server.address} did not prove that it is db.example.com:"
        " Hostname mismatch, certificate is not valid for 'db.example.com'"
    )
    found, _ = edge.open(
        upstream_server.config(server_name="db.example.com", ssl_mode="verify-ca"),
        upstream_server.credentials,
    )
    assert found.is_encrypted


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_server_of_another_ca_is_not_trusted(upstream_server, edge, mode):
    config = upstream_server.config(ssl_mode=mode, ssl_root_cert="system")
    error = refused(edge, config, upstream_server.credentials)
    assert error.message.endswith("unable to get local issuer certificate")


def test_a_service_may_bring_its_own_roots(upstream_server):
    edge = Edge(roots="")
    config = upstream_server.config(ssl_root_cert=upstream_server.ca.server_root.decode())
    found, _ = edge.open(config, upstream_server.credentials)
    assert found.method == "SCRAM-SHA-256-PLUS"


def test_an_address_is_verified_as_one(upstream_server, edge):
    address = Address("127.0.0.1", upstream_server.cluster.port)
    found, _ = edge.open(upstream_server.config(upstreams=(address,)), upstream_server.credentials)
    assert found.address == address


def test_what_lands_is_what_the_session_has(upstream_server, edge):
    sql = "SELECT current_setting('application_name') || ' ' || current_setting('TimeZone')"
    _, answer = edge.open(
        upstream_server.config(),
        upstream_server.credentials,
        sql=sql,
        application_name="alice via pgward: psql",
        TimeZone="Asia/Tokyo",
    )
    assert answer == "alice via pgward: psql Asia/Tokyo"


def test_the_protocol_is_the_newest_that_both_know(upstream_server, edge):
    found, _ = edge.open(upstream_server.config(), upstream_server.credentials, minor=2)
    newest = upstream_server.cluster.version >= 18
    assert (found.minor, len(found.key[1])) == ((2, 32) if newest else (0, 4))


def test_the_database_says_itself_what_is_wrong(upstream_server, edge):
    error = refused(edge, upstream_server.config(), upstream_server.credentials, database="gone")
    assert (error.sqlstate, error.is_about_credentials) == ("3D000", False)
    assert error.message.endswith('database "gone" does not exist')


def test_the_next_server_is_taken_when_one_is_away(upstream_server, edge):
    servers = (unused(), upstream_server.address)
    found, _ = edge.open(upstream_server.config(upstreams=servers), upstream_server.credentials)
    assert found.address == upstream_server.address


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("any", None),
        ("read-write", None),
        ("primary", None),
        ("prefer-standby", None),
        ("read-only", "it is not read-only"),
        ("standby", "it is no standby"),
    ],
)
def test_a_primary_is_what_it_is(upstream_server, edge, wanted, problem):
    config = upstream_server.config(target_session_attrs=wanted)
    if problem is None:
        edge.open(config, upstream_server.credentials)
        return
    error = refused(edge, config, upstream_server.credentials)
    assert error.message == f"the database at {upstream_server.address} is not it: {problem}"


# --- what stands before a server ----------------------------------------------------------


@pytest.fixture
def jump(sshd: Sshd) -> SshJump:
    host_key = (sshd.directory / "host_key.pub").read_text()
    key = SecretRef("secret", "jump-key")
    return SshJump(Address("127.0.0.1", sshd.port), sshd.user, host_key, key)


def through(sshd: Sshd) -> Credentials:
    return Credentials(password=PASSWORD, jump_key=sshd.key.read_bytes())


def test_a_jump_host_leads_to_the_database(upstream_server, edge, sshd, jump):
    sql = "SELECT repeat('x', 3000000)"
    config, credentials = upstream_server.config(jump=jump), through(sshd)
    found, answer = edge.open(config, credentials, sql=sql, most=4_000_000)
    assert (found.method, len(answer)) == ("SCRAM-SHA-256-PLUS", 3_000_000)


def test_sessions_share_a_connection_to_a_jump_host(upstream_server, sshd, jump):
    edge = Edge(upstream_server.ca.server_root.decode())
    config, credentials = upstream_server.config(jump=jump), through(sshd)
    landed = Landing("by_scram", "postgres")

    async def main() -> list[int]:
        jumps = edge.jumps
        both = await asyncio.gather(
            *(edge.upstreams.open(config, landed, credentials) for _ in range(2))
        )
        counts = [len(jumps._kept), sum(jumps._sessions.values())]
        renewed = Credentials(PASSWORD, jump_key=credentials.jump_key + b"\n")
        other = await edge.upstreams.open(config, landed, renewed)
        counts += [len(jumps._kept), len(jumps._sessions)]
        (former,) = {each for each in jumps._sessions if each not in jumps._kept.values()}
        for each in both:
            each.connection.close()
        async with asyncio.timeout(10):
            await former.wait_closed()
        counts += [len(jumps._kept), len(jumps._sessions)]
        other.connection.close()
        await jumps.close()
        return counts

    # Both share one; with another key comes another, and the first goes with its last session.
    assert asyncio.run(main()) == [1, 2, 1, 2, 1, 1]


def test_a_jump_host_must_have_its_key(upstream_server, edge, sshd, jump):
    other = replace(jump, host_key=(sshd.directory / "key.pub").read_text())
    error = refused(edge, upstream_server.config(jump=other), through(sshd))
    assert error.message == f"the jump host {jump.address} did not prove who it is"


def test_a_jump_host_may_not_let_the_edge_in(upstream_server, edge, sshd, jump):
    stranger = (sshd.directory / "host_key").read_bytes()
    config = upstream_server.config(jump=jump)
    error = refused(edge, config, Credentials(PASSWORD, jump_key=stranger))
    assert error.message == (
        f"the jump host {jump.address} does not let the edge in as {sshd.user}"
    )


@pytest.mark.parametrize("key", [b"no key", None])
def test_a_jump_host_needs_a_key(upstream_server, edge, jump, key):
    config = upstream_server.config(jump=jump)
    error = refused(edge, config, Credentials(PASSWORD, jump_key=key))
    assert f"key for the jump host {jump.address}" in error.message


def test_a_jump_host_may_find_nobody(upstream_server, edge, sshd, jump):
    nobody = unused()
    config = upstream_server.config(jump=jump, upstreams=(nobody,))
    error = refused(edge, config, through(sshd))
    assert error.message == (
        f"the edge cannot reach the database at {nobody}: from {jump.address}: Connection refused"
    )


def test_a_jump_host_may_be_away(upstream_server, edge, sshd, jump):
    away = replace(jump, address=unused())
    error = refused(edge, upstream_server.config(jump=away), through(sshd))
    assert (
        f"the edge cannot reach the jump host {away.address}: Connection refused" in error.message
    )


def test_what_a_service_sets_wins_over_what_a_client_hides_in_options(upstream_server, edge):
    config = upstream_server.config(set_parameters={"TimeZone": "Asia/Tokyo", "work_mem": "5MB"})
    startup = {"user": "alice", "options": "-c timezone=UTC -c sort_mem=9MB", "SORT_MEM": "8MB"}
    landed = landing(config, startup, "alice")
    sql = "SELECT current_setting('TimeZone') || ' ' || current_setting('work_mem')"
    credentials = upstream_server.credentials
    _, answer = edge.open(config, credentials, sql=sql, **landed.parameters)
    assert answer == "Asia/Tokyo 5MB"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("--work-mem=3MB", "work_mem"),
        ("-cwork_mem=3MB", "work_mem"),
        (r"-c work\_mem=3MB", "work_mem"),
        ("-c sort_mem=3MB", "work_mem"),
        ("-c\tWORK_MEM=3MB", "work_mem"),
    ],
)
def test_options_are_read_as_postgresql_reads_them(upstream_server, edge, text, name):
    assert dict(split_options(text, strict=True)) == {name: "3MB"}
    credentials = upstream_server.credentials
    _, answer = edge.open(upstream_server.config(), credentials, sql="SHOW work_mem", options=text)
    assert answer == "3MB"
