import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest

from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.pgwire import backend, startup
from pgward.tunnel.edge.landing import Landing
from pgward.tunnel.edge.state_postgres import (
    Config,
    NoAuth,
    SshJump,
    UserRule,
)
from pgward.tunnel.edge.upstreams import opening
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.opening import OLD_PROTOCOL_SECONDS, Upstreams
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from tests.fixtures.scripted_backend import (
    OK,
    Network,
    Talk,
    answering,
    hangs,
    leaves,
    read_startup,
    welcome,
)

A, B, C = (Address(name, 5432) for name in "abc")
LANDING = Landing("app", "orders", {"application_name": "alice"})
CONFIG = Config(None, (A,), UserRule(force="app"), NoAuth(), ssl_mode="disable")
JUMP = SshJump(Address("jump", 22), "pg", "ssh-ed25519 AAAA", SecretRef("secret", "k"))
PRIMARY = answering(welcome(in_hot_standby="off", default_transaction_read_only="off"))
STANDBY = answering(welcome(in_hot_standby="on", default_transaction_read_only="off"))
WANTS_WRITING = replace(CONFIG, upstreams=(A, B), target_session_attrs="read-write")


class World:
    """Servers, a clock that is set, and what opens connections."""

    def __init__(self, **servers: Talk | list[Talk]) -> None:
        self.network = Network({Address(name, 5432): talk for name, talk in servers.items()})
        self.now = 1000.0
        self.jumped: list[tuple[SshJump, bytes, Address]] = []
        self.upstreams = Upstreams(
            self.network,
            self,
            roots=lambda: "",
            clock=lambda: self.now,
            shuffle=lambda addresses: addresses.reverse(),
        )

    async def dial(self, jump: SshJump, key: bytes, upstream: Address):
        self.jumped.append((jump, key, upstream))
        return await self.network.dial(upstream)

    async def open(
        self, config: Config = CONFIG, credentials: Credentials | None = None, minor: int = 0
    ) -> Upstream:
        found = await self.upstreams.open(config, LANDING, credentials or Credentials(), minor)
        found.connection.close()
        return found

    def opened(self, *arguments, **options) -> Upstream:
        async def main() -> Upstream:
            try:
                return await self.open(*arguments, **options)
            finally:
                await self.network.ended()  # whatever happened, nothing stays open

        return asyncio.run(main())

    def refused(self, *arguments, **options) -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.opened(*arguments, **options)
        return caught.value


def test_a_connection_is_opened():
    heard = []

    async def talk(reader, writer):
        heard.append(await read_startup(reader))
        writer.write(welcome(TimeZone="UTC"))
        await reader.read()

    found = World(a=talk).opened()
    assert heard[0].parameters == LANDING.startup
    assert (found.address, found.parameters, found.key) == (A, {"TimeZone": "UTC"}, (7, b"keys"))
    assert (found.method, found.minor, found.rest, found.notices) == ("none", 0, b"", ())


def test_the_first_server_that_answers_is_taken():
    world = World(b=PRIMARY, c=PRIMARY)
    assert world.opened(replace(CONFIG, upstreams=(A, B, C))).address == B
    assert world.network.dialled == [A, B]


def test_a_server_that_failed_is_tried_last_for_a_while():
    world = World(b=PRIMARY, a=[leaves, PRIMARY])
    config = replace(CONFIG, upstreams=(A, B))
    assert [world.opened(config).address for _ in range(2)] == [B, B]
    world.now += 20
    assert world.opened(config).address == A
    assert world.network.dialled == [A, B, B, A]


def test_load_is_balanced_by_chance():
    world = World(a=PRIMARY, b=PRIMARY)
    config = replace(CONFIG, upstreams=(A, B), load_balance=True)
    assert world.opened(config).address == B


def test_a_server_that_is_not_what_is_wanted_is_left_at_once_and_remembered():
    world = World(a=STANDBY, b=PRIMARY)
    assert [world.opened(WANTS_WRITING).address for _ in range(2)] == [B, B]
    assert world.network.dialled == [A, B, B]


def test_a_login_that_is_refused_is_not_tried_elsewhere():
    no = answering(backend.error("FATAL", "28P01", "no"))
    world = World(a=no, b=PRIMARY)
    error = world.refused(replace(CONFIG, upstreams=(A, B)))
    assert (error.sqlstate, world.network.dialled) == ("28P01", [A])


def test_a_server_that_starts_up_is_passed_over():
    starting = answering(backend.error("FATAL", "57P03", "the database system is starting up"))
    world = World(a=starting, b=PRIMARY)
    assert world.opened(replace(CONFIG, upstreams=(A, B))).address == B


def test_of_a_single_server_its_own_words_are_told():
    starting = answering(backend.error("FATAL", "57P03", "starting up"))
    error = World(a=starting).refused()
    assert (error.sqlstate, error.message) == (
        "57P03",
        "the database at a:5432 does not let the edge in as app: starting up",
    )


def test_a_preferred_standby_is_looked_for_among_all_servers():
    config = replace(CONFIG, upstreams=(A, B), target_session_attrs="prefer-standby")
    assert World(a=PRIMARY, b=STANDBY).opened(config).address == B
    assert World(a=PRIMARY, b=PRIMARY).opened(config).address == A


def test_a_silent_server_is_given_up(monkeypatch):
    monkeypatch.setattr(opening, "SERVER_TIMEOUT", 0.02)
    error = World(a=hangs).refused()
    assert error.message == "the edge cannot reach the database at a:5432: it does not answer"
    assert World(a=hangs, b=PRIMARY).opened(replace(CONFIG, upstreams=(A, B))).address == B


def test_all_of_it_takes_a_while_at_most(monkeypatch):
    monkeypatch.setattr(opening, "WHOLE_TIMEOUT", 0.02)
    error = World(a=hangs).refused()
    assert error.message == "the time is up before all servers were asked"


def test_what_is_cancelled_leaves_nothing_open():
    world = World(a=hangs)

    async def main() -> None:
        task = asyncio.create_task(world.open())
        await world.network.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await world.network.ended()

    asyncio.run(main())


# --- the protocol's version ---------------------------------------------------------------


async def old(reader, writer):
    """Know protocol 3.0 only, and say so as old poolers do."""
    found = await read_startup(reader)
    if found.minor:
        writer.write(backend.error("FATAL", "08P01", "unsupported startup version 3.2"))
        return
    writer.write(welcome())
    await reader.read()


def test_a_server_that_refuses_the_newer_protocol_gets_the_older_one_for_an_hour():
    world = World(a=old)
    assert [world.opened(minor=2).minor for _ in range(2)] == [0, 0]
    assert len(world.network.dialled) == 3
    world.now += OLD_PROTOCOL_SECONDS
    world.opened(minor=2)
    assert len(world.network.dialled) == 5


def test_a_version_that_was_not_the_reason_is_not_remembered():
    world = World(a=answering(backend.error("FATAL", "08P01", "I am no server")))
    world.refused(minor=2)
    assert world.upstreams._old == {}


def test_the_older_protocol_is_spoken_where_the_client_asks_for_no_other():
    world = World(a=old)
    assert world.opened().minor == 0
    assert len(world.network.dialled) == 1


# --- TLS ----------------------------------------------------------------------------------


def tls(answer: bytes, *more: bytes) -> Talk:
    async def talk(reader, writer):
        assert await reader.readexactly(8) == startup.ssl_request()
        writer.write(answer)
        if answer == b"N":
            await read_startup(reader)
            writer.write(welcome())
            await reader.read()
        else:
            await reader.readexactly(1)
            writer.write(b"".join(more))

    return talk


def test_tls_that_is_only_preferred_may_be_absent():
    config = replace(CONFIG, ssl_mode="prefer")
    assert not World(a=tls(b"N")).opened(config).is_encrypted


def test_tls_that_is_only_preferred_may_fail():
    world = World(a=[tls(b"S", b"no TLS at all"), PRIMARY])
    assert not world.opened(replace(CONFIG, ssl_mode="prefer")).is_encrypted


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_tls_that_is_wanted_may_not(mode):
    world = World(a=[tls(b"S", b"no TLS at all"), PRIMARY])
    error = world.refused(replace(CONFIG, ssl_mode=mode))
    assert error.message.startswith("no TLS with the database at a:5432: ")
    assert len(world.network.dialled) == 1


NO_LINE = backend.error("FATAL", "28000", "no pg_hba.conf entry for it, SSL encryption")
NO_LINE_EITHER = backend.error("FATAL", "28000", "no pg_hba.conf entry for it, no encryption")
WRONG = backend.error("FATAL", "28P01", "wrong password")
NO_ROLE = OK + backend.error("FATAL", "28000", "no such role")


@pytest.fixture
def over_tls(tls_keys) -> Callable[[bytes], Talk]:
    """Answer under TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_keys.edge())

    def answering(said: bytes) -> Talk:
        async def talk(reader, writer):
            assert await reader.readexactly(8) == startup.ssl_request()
            writer.write(b"S")
            below = writer.transport
            above = await asyncio.get_running_loop().start_tls(
                below, below.get_protocol(), context, server_side=True
            )
            await read_startup(reader)
            above.write(said)
            await reader.read()
            above.close()

        return talk

    return answering


def test_where_tls_is_only_preferred_pg_hba_may_want_none(over_tls):
    """As libpq, which tries again without when it is not let in with."""
    world = World(a=[over_tls(NO_LINE), PRIMARY])
    assert not world.opened(replace(CONFIG, ssl_mode="prefer")).is_encrypted
    assert world.network.dialled == [A, A]


@pytest.mark.parametrize(
    ("mode", "said"),
    [("require", NO_LINE), ("prefer", WRONG), ("prefer", NO_ROLE)],
    ids=["require", "password", "role"],
)
def test_no_other_refusal_is_tried_without_tls(over_tls, mode, said):
    world = World(a=[over_tls(said), PRIMARY])
    world.refused(replace(CONFIG, ssl_mode=mode))
    assert world.network.dialled == [A]


def test_a_server_without_tls_is_asked_once():
    async def refuses(reader, writer):
        await reader.readexactly(8)
        writer.write(b"N")
        await read_startup(reader)
        writer.write(NO_LINE_EITHER)

    world = World(a=[refuses, PRIMARY])
    error = world.refused(replace(CONFIG, ssl_mode="prefer"))
    assert error.message.endswith("no encryption")
    assert world.network.dialled == [A]


@pytest.mark.parametrize(
    ("without", "message"),
    [(NO_LINE_EITHER, "no pg_hba.conf entry for it, SSL encryption"), (WRONG, "wrong password")],
)
def test_of_two_refusals_that_is_told_which_came_further(over_tls, without, message):
    world = World(a=[over_tls(NO_LINE), answering(without)])
    error = world.refused(replace(CONFIG, ssl_mode="prefer"))
    assert error.message.endswith(message)
    assert error.is_final


def test_wrong_roots_close_the_connection():
    config = replace(CONFIG, ssl_mode="verify-ca", ssl_root_cert="no PEM")
    error = World(a=tls(b"S")).refused(config)
    assert "TLS to PostgreSQL cannot be set up" in error.message


# --- jumps --------------------------------------------------------------------------------


def test_a_jump_host_connects_in_the_edges_place():
    world = World(a=PRIMARY)
    world.opened(replace(CONFIG, jump=JUMP), Credentials(jump_key=b"key"))
    assert world.jumped == [(JUMP, b"key", A)]


def test_a_jump_host_needs_a_key():
    error = World(a=PRIMARY).refused(replace(CONFIG, jump=JUMP))
    assert error.message == "the edge has no key for the jump host jump:22"
