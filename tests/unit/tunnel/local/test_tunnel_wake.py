"""A laptop that wakes with an expired certificate: it is renewed before any link is used."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.identity import IdentityPaths
from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.pgwire.startup import ssl_request
from pgward.tunnel import pgerror
from pgward.tunnel.local import renewal
from tests.fixtures.authority import MovableClock
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import World, until, world

AWAY = UnavailableError("the CA at ca:8443 refuses connections", hint="look whether it runs")


@asynccontextmanager
async def woken(contexts, keys):
    """A tunnel with links that wait, then hours later: certificate and links are worth nothing."""
    now = datetime.now(UTC)
    clock = MovableClock(now)
    async with world(contexts, keys, clock=clock) as made:
        await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
        ended = keys.issue(
            keys.users,
            "alice",
            start=now - timedelta(hours=2),
            end=now - timedelta(hours=1),
        )
        made.session.paths = IdentityPaths(*ended, keys.server_roots)
        made.session.not_after = clock.now() + timedelta(hours=1)
        made.tunnel._renew_context()
        clock.move(hours=3)
        yield made


def renew(made: World, keys):
    def renewed() -> bool:
        paths = IdentityPaths(*keys.issue(keys.users, "alice"), keys.server_roots)
        made.session.paths = paths
        made.session.not_after = made.tunnel.clock.now() + timedelta(hours=1)
        return True

    return renewed


def test_the_first_client_gets_a_link_with_the_new_certificate(run, contexts, tls_keys):
    async def main() -> None:
        async with woken(contexts, tls_keys) as made:
            old = [link.tls for link in made.tunnel.pool._idle]
            made.session.renewals = [renew(made, tls_keys)]
            made.tunnel.woke()
            assert not made.tunnel.pool._dials  # there would only be refusals
            client = await made.client()
            await made.talk(client)
            assert [tls.fileno() for tls in old] == [-1] * len(old)
            assert (made.said, made.tunnel.counters.refused) == ([], 0)
            client.close()

    run(main())


def test_a_client_waits_for_a_ca_that_comes_back(run, contexts, tls_keys, monkeypatch):
    monkeypatch.setattr(renewal, "HOLD_PAUSE", 0.01)

    async def main() -> None:
        async with woken(contexts, tls_keys) as made:
            made.session.renewals = [AWAY, AWAY, AWAY, renew(made, tls_keys)]
            client = await made.client()
            await made.talk(client)
            assert (made.said, made.tunnel.counters.refused) == ([], 0)
            client.close()

    run(main())


AFTER = f"the certificate has to be renewed, and {AWAY.message}"


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (AWAY, (AFTER, "look whether it runs")),
        (
            LoginNeededError("your login session ended"),
            ("your login session ended", "pgward login"),
        ),
    ],
)
def test_it_hears_what_is_behind_and_never_of_its_expired_certificate(run, woken_soon, why, told):
    async def main() -> None:
        async with woken_soon() as made:
            made.session.renewals = [why] * 9
            client = await made.client()
            client.send(ssl_request())
            assert await rest(client) == pgerror.fatal(*told)

    run(main())


@pytest.fixture
def woken_soon(contexts, tls_keys, monkeypatch):
    """As ``woken``, where nobody waits for a CA."""
    monkeypatch.setattr(renewal, "HOLD_SECONDS", 0.0)
    return lambda: woken(contexts, tls_keys)
