"""A certificate that an edge refuses before its time is replaced at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from pgward.client.identity import IdentityPaths
from pgward.pgwire.startup import ssl_request
from pgward.pki.crl import RevocationList, key_id
from pgward.tunnel.preface import Reason
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import World, until, world


def reissue(made: World, tls_keys, user: str = "alice") -> Callable[[], bool]:
    """Return what puts another certificate on the disk."""

    def act() -> bool:
        issued = tls_keys.issue(tls_keys.users, user)
        made.session.paths = IdentityPaths(*issued, made.session.paths.ca)
        return True

    return act


def _issuer(tls_keys) -> bytes:
    return key_id(tls_keys.users.certificate)


def test_a_revoked_certificate_is_replaced_while_nobody_connects(run, contexts, tls_keys):
    """Its CA was replaced before everyone had renewed."""

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            old = {link.peer.serial for link in made.links.live}
            made.session.renewals = [reissue(made, tls_keys)]
            for link in tuple(made.links.live):
                link.cut(Reason.REVOKED)
            await until(lambda: made.tunnel.pool.epoch == 1 and made.tunnel.pool.idle >= 4)
            assert not old & {link.peer.serial for link in made.links.live}
            assert (made.said, made.session.refused) == ([], 1)

    run(main())


def test_whoever_connects_to_links_just_revoked_notices_nothing(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            made.session.renewals = [reissue(made, tls_keys)]
            revoked = frozenset(link.peer.serial for link in made.links.live)
            lists = RevocationList(
                {_issuer(tls_keys): revoked}, datetime.now(UTC) + timedelta(days=1)
            )
            made.links.adopt(replace(made.links.state, revocations=lists))
            client = await made.client()
            client.send(ssl_request())
            await until(lambda: made.databases)
            made.databases[-1].send(b"N")
            assert await asyncio.get_running_loop().sock_recv(client, 9) == b"N"
            assert (made.tunnel.counters.refused, made.said) == (0, [])
            client.close()

    run(main())


def test_a_session_that_was_cut_hears_of_the_new_certificate(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            made.session.renewals = [reissue(made, tls_keys)]
            for link in tuple(made.links.live):
                link.cut(Reason.REVOKED)
            assert await rest(client) == b""
            await until(lambda: made.said)
            (said,) = made.said
            assert said == (
                "orders: the edge ended a connection: its certificate counts no more\n"
                "hint: there is a new one: connect again"
            )

    run(main())


def test_a_new_certificate_that_is_refused_too_is_not_replaced_again(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.session.renewals = [reissue(made, tls_keys)]
            made.links.adopt(replace(made.links.state, retired={_issuer(tls_keys): frozenset()}))
            for _ in range(3):
                client = await made.client()
                client.send(ssl_request())
                assert b"has been replaced" in await rest(client)
            assert made.session.refused == 1

    run(main())


def test_a_tunnel_opens_with_a_certificate_that_an_edge_refused(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            made.tunnel._context = None
            certificate = x509.load_pem_x509_certificate(made.session.paths.cert.read_bytes())
            lists = RevocationList(
                {_issuer(tls_keys): frozenset({certificate.serial_number})},
                datetime.now(UTC) + timedelta(days=1),
            )
            made.links.adopt(replace(made.links.state, revocations=lists))
            made.session.renewals = [reissue(made, tls_keys)]
            await made.tunnel.preflight()
            assert (made.session.refused, made.said) == (1, [])

    run(main())
