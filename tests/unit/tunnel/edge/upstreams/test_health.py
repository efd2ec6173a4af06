import asyncio
import logging

import pytest

from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.tunnel.edge.state_postgres import (
    Config,
    NoAuth,
    PostgresService,
    SshJump,
    UserRule,
)
from pgward.tunnel.edge.upstreams import health
from pgward.tunnel.edge.upstreams.health import Health, HealthWatch

A, B = (Address(name, 5432) for name in "ab")
OWN = Config(None, (A, B), UserRule(force="app"), NoAuth())
JUMP = SshJump(Address("jump", 22), "pg", "ssh-ed25519 AAAA", SecretRef("secret", "k"))
JUMPING = Config("far", (B,), UserRule(force="app"), NoAuth(), jump=JUMP)
AWAY = "the edge cannot reach the database at b:5432: No route to host"


class Servers:
    """Who is there; each probe is told of with the key that it had."""

    def __init__(self) -> None:
        self.away: set[Address] = set()
        self.asked: list[tuple[Address, bytes | None]] = []
        self.closed = 0
        self.now = 100.0
        self.services = {"orders": PostgresService(default=OWN)}
        self.kept: list[tuple[int, bool]] = []
        self.watch = HealthWatch(
            lambda: self.services,
            self.secure,
            self.find_key,
            keep=lambda known, changed: self.kept.append((len(known), changed)),
            clock=lambda: self.now,
        )

    async def secure(self, _config, address, credentials):
        self.asked.append((address, credentials.jump_key))
        await asyncio.sleep(0)
        if address in self.away:
            raise OSError(113, "No route to host")
        return self

    async def find_key(self, config):
        return b"key" if config.jump else None

    def close(self) -> None:
        self.closed += 1

    def ask(self) -> list[tuple[Address, str | None, float]]:
        asyncio.run(self.watch.ask_all())
        return [(each.address, each.problem, each.since) for each in self.watch.known]


@pytest.fixture
def servers() -> Servers:
    return Servers()


def test_every_server_is_asked_and_let_go(servers):
    assert servers.ask() == [(A, None, 100.0), (B, None, 100.0)]
    assert servers.closed == 2
    assert all(each.is_up for each in servers.watch.known)


def test_it_is_known_since_when_a_server_is_as_it_is(servers, caplog):
    caplog.set_level(logging.INFO)
    servers.ask()
    servers.now, servers.away = 115.0, {B}
    assert servers.ask() == [(A, None, 100.0), (B, AWAY, 115.0)]
    servers.now = 130.0
    assert servers.ask() == [(A, None, 100.0), (B, AWAY, 115.0)]
    servers.now, servers.away = 145.0, set()
    assert servers.ask() == [(A, None, 100.0), (B, None, 145.0)]
    assert caplog.messages == [f"orders: {AWAY}", "orders: the database at b:5432 answers again"]


def test_a_silent_server_does_not_answer(servers, monkeypatch):
    async def hangs(*_arguments):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(health, "PROBE_SECONDS", 0.01)
    watch = HealthWatch(lambda: servers.services, hangs, servers.find_key)
    asyncio.run(watch.ask_all())
    assert [each.problem for each in watch.known] == [
        f"the edge cannot reach the database at {name}:5432: it does not answer" for name in "ab"
    ]


def test_a_jump_host_is_gone_through_with_its_key(servers):
    servers.services = {"far": PostgresService(default=None, configs={"far": JUMPING})}
    servers.ask()
    assert servers.asked == [(B, b"key")]


def test_servers_of_services_that_are_gone_are_forgotten(servers):
    servers.ask()
    servers.services = {}
    assert servers.ask() == []


def test_it_goes_on_until_it_is_ended_and_tells_what_changed(servers, monkeypatch, caplog):
    rounds = iter([set(), {A}, {B}, None])

    async def main() -> None:
        over = asyncio.Event()

        async def sleep(seconds):
            assert 12 <= seconds <= 18
            servers.away = next(rounds)
            if servers.away is None:
                over.set()
                await asyncio.get_running_loop().create_future()

        async def secure(_config, address, _credentials):
            if servers.away == {A}:
                raise ValueError("what nobody thought of")
            if address in servers.away:
                raise OSError(113, "No route to host")
            return servers

        servers.watch._secure = secure
        monkeypatch.setattr(health.asyncio, "sleep", sleep)
        task = asyncio.create_task(servers.watch.run())
        await over.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert servers.kept == [(2, True), (2, False), (2, True)]
    assert "the databases could not be asked how they are" in caplog.text


def test_health_is_plain_data():
    made = Health("orders", B, AWAY, 0.01234, since=100.0)
    assert made.to_json(112.34) == {
        "service": "orders",
        "address": "b:5432",
        "up": False,
        "problem": AWAY,
        "seconds": 0.0123,
        "for_seconds": 12.3,
    }
