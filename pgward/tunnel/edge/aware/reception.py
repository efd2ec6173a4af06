"""Receives people who show no certificate: a one-time password or a token says who they are."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller, LoggedIn
from pgward.core import handles
from pgward.core.errors import (
    DeniedError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)
from pgward.core.handles import Handle, HandleKind
from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.login_in import PasswordIn, agree
from pgward.pgwire.scram import Verifier
from pgward.pgwire.startup import Cancel, Startup
from pgward.tunnel.edge import asking
from pgward.tunnel.edge.accept import Guest
from pgward.tunnel.edge.aware.hello import hear, of_wire
from pgward.tunnel.edge.aware.strangers import Strangers, Turn
from pgward.tunnel.edge.aware.talk import Talk
from pgward.tunnel.edge.aware.uses import Uses
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import TlsConnection

T = TypeVar("T")

CA_SECONDS = 7.0
"""How long the CA may take: less than a client has for its login, so that it hears why."""

_NONCE_BYTES = 18


class Reception:
    """Asks the CA about what guests show.

    ``binding`` is that of the edge's own certificate; ``mocking`` a secret that every worker of an
    edge has, by which tokens that do not exist look like others.
    """

    def __init__(
        self,
        ca: Caller,
        cancels: Cancels,
        *,
        binding: Callable[[], bytes | None],
        mocking: bytes,
        strangers: Strangers,
    ) -> None:
        self._ca = ca
        self._cancels = cancels
        self._binding = binding
        self._mocking = mocking
        self._strangers = strangers
        self._uses = Uses(ca)

    async def receive(self, tls: TlsConnection, address: str) -> Guest | None:
        """Return who it is; None for a cancel request, which is carried out. Raise RefusedError."""
        talk = Talk(tls)
        try:
            hello = await hear(talk)
            if isinstance(hello, Cancel):
                await self._cancels.request(hello.pid, hello.key)
                return None
            agreed = agree(hello)
            if agreed.message:
                await talk.say(agreed.message)
            client = address.rpartition(":")[0].strip("[]")
            login, token = await self._identify(talk, hello, client)
        except WireError as error:
            raise of_wire(error) from error
        peer = Peer(
            login.user,
            serial=0,
            issuer_key_id=b"",
            not_after=login.session_ends,
            login=login.session,
            token=token,
            factors=login.factors,
            device=login.device,
        )
        parameters = {
            name: value for name, value in hello.parameters.items() if name not in hello.options
        }
        return Guest(peer, login.service, startup.startup(parameters, agreed.minor) + talk.unread)

    async def _identify(
        self, talk: Talk, hello: Startup, client: str
    ) -> tuple[LoggedIn, str | None]:
        handle = handles.read(hello.user)
        if handle is None:
            raise RefusedError(
                Reason.DENIED,
                "this edge wants a login certificate, a one-time password or a token",
                hint="pgward otp SERVICE prints a whole command; or sslcert and sslkey",
            )
        async with self._strangers.turn(client) as turn:
            if handle.kind is HandleKind.OTP:
                login, token = await self._by_one_time(handle, client, turn), None
            else:
                login, token = await self._by_token(talk, handle, client, turn), handle.text
            turn.succeeded()
        return login, token

    async def _by_one_time(self, handle: Handle, client: str, turn: Turn) -> LoggedIn:
        try:
            return await _asked(edge_calls.redeem, self._ca, handle.text, client=client)
        except (DeniedError, NotFoundError) as error:
            raise RefusedError(
                Reason.DENIED,
                "that one-time password is not known here, was used, or is too old",
                hint="pgward otp SERVICE gives another",
            ) from error
        except PgwardError as error:
            turn.undecided()
            raise _unable(error) from error

    async def _by_token(self, talk: Talk, handle: Handle, client: str, turn: Turn) -> LoggedIn:
        """Return whose token it is; who has no token, or a wrong secret, gets the same answer."""
        found = None
        try:
            found = await _asked(edge_calls.token, self._ca, handle.text, client=client)
            verifier = found.verifier
        except (DeniedError, NotFoundError):
            verifier = str(Verifier.mock(self._mocking, handle.text))
        except PgwardError as error:
            turn.undecided()
            raise _unable(error) from error
        exchange = PasswordIn(
            verifier,
            binding=self._binding(),
            nonce=secrets.token_urlsafe(_NONCE_BYTES),
            plain=False,
        )
        await talk.say(exchange.begin())
        while exchange.outcome is None:
            if not talk.unread:
                await talk.more()
            answer = exchange.receive(talk.take(len(talk.unread)))
            if answer:
                await talk.say(answer)
        talk.unread = exchange.rest
        if found is None or not exchange.outcome:
            raise RefusedError(
                Reason.DENIED,
                "that token is not known here, has ended, or has another password",
                hint="pgward token SERVICE makes one",
            )
        self._uses.tell(found, client)
        return found.login


async def _asked(ask: Callable[..., T], *arguments: object, client: str) -> T:
    """Return what the CA says; raise what ``ask`` does, UnavailableError if it says nothing."""
    try:
        async with asyncio.timeout(CA_SECONDS):
            return await asking.for_stranger(ask, *arguments, client=client)
    except TimeoutError as error:
        raise UnavailableError("the CA did not answer in time") from error


def _unable(error: PgwardError) -> RefusedError:
    if isinstance(error, TooManyRequestsError):
        return RefusedError(Reason.LIMIT, error.message, hint="try again in a minute")
    return RefusedError(
        Reason.UNREACHABLE,
        "the edge cannot ask its CA about that just now",
        hint="connect with a login certificate, which needs no CA",
    )
