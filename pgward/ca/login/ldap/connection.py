"""A connection to an LDAP server: TLS before anything else, and no answer awaited for ever."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Literal, NoReturn

import anyio
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from pgward.ca.login.ldap import messages
from pgward.ca.login.ldap.errors import (
    LdapError,
    LdapProtocolError,
    LdapResultError,
    LdapUnavailableError,
)
from pgward.ca.login.ldap.messages import Code, Entry, Incoming, Message, Result, Scope

Tls = Literal["ldaps", "starttls"]
_PORTS: dict[Tls, int] = {"ldaps": 636, "starttls": 389}
_GOODBYE_SECONDS = 0.5
_TRY_ANOTHER = {Code.BUSY, Code.UNAVAILABLE}
_GONE = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
PAGE = 500


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and how it comes to TLS."""

    host: str
    port: int
    tls: Tls

    @classmethod
    def of(cls, host: str, port: int | None, tls: Tls) -> "Server":
        """Fill in the usual port."""
        return cls(host, port or _PORTS[tls], tls)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls == 'ldaps' else 'ldap'}://{host}:{self.port}"


@asynccontextmanager
async def connected(
    server: Server, context: ssl.SSLContext, *, seconds: float
) -> AsyncIterator["Connection"]:
    """Connect, with TLS and the server's name checked; raises LdapUnavailableError."""
    try:
        with anyio.fail_after(seconds):
            stream = await _secured(server, context)
    except TimeoutError:
        _unavailable(server, f"it did not answer within {seconds:g} s")
    except LdapProtocolError as error:
        _unavailable(server, error.message)
    except ssl.SSLCertVerificationError as error:
        _unavailable(server, f"its certificate is not valid: {error.verify_message}")
    except _GONE as error:
        _unavailable(server, _reason(error))
    connection = Connection(server, stream)
    try:
        yield connection
    finally:
        await connection.close()


async def _secured(server: Server, context: ssl.SSLContext) -> TLSStream:
    stream: ByteStream = await anyio.connect_tcp(server.host, server.port)
    try:
        if server.tls == "starttls":
            await _start_tls(stream)
        return await TLSStream.wrap(
            stream, hostname=server.host, ssl_context=context, standard_compatible=False
        )
    except BaseException:  # a cancelled login as well leaves no connection
        await anyio.aclose_forcefully(stream)
        raise


async def _start_tls(stream: ByteStream) -> None:
    await stream.send(messages.start_tls(1))
    incoming = Incoming(4096)
    answer = None
    while answer is None:
        incoming.feed(await stream.receive())
        answer = incoming.next()
    if not isinstance(answer, Result) or answer.id != 1 or answer.code != Code.SUCCESS:
        raise LdapProtocolError("it does not offer StartTLS")
    # Bytes from before TLS must not count as if they came inside it.
    if not incoming.is_empty:
        raise LdapProtocolError("it sent something between StartTLS and TLS")


class Connection:
    """One request at a time, on one connection."""

    def __init__(self, server: Server, stream: TLSStream) -> None:
        self.server = server
        self._stream = stream
        self._incoming = Incoming()
        self._numbers = count(2)

    async def bind(self, dn: str, password: str) -> Result:
        """Say who we are; return what the server thinks of it."""
        number = next(self._numbers)
        answer = await self._ask(number, messages.bind(number, dn, password))
        if not isinstance(answer, Result):
            raise LdapProtocolError("the LDAP server answered a bind with something else")
        if answer.code in _TRY_ANOTHER:
            _unavailable(self.server, f"it says {answer.diagnostic or 'that it is busy'}")
        return answer

    async def search(
        self,
        base: str,
        wanted: bytes,
        attributes: Sequence[str],
        *,
        scope: Scope = Scope.SUB,
        most: int,
        seconds: float,
    ) -> list[Entry]:
        """Return the entries that match; raise LdapResultError when there are more than ``most``.

        References to other servers are not followed.
        """
        found: list[Entry] = []
        cookie = b""
        while True:
            # One page needs no control, which some servers would rather not have.
            page = PAGE if most > PAGE else 0
            number = next(self._numbers)
            request = messages.search(
                number,
                base,
                scope,
                wanted,
                attributes,
                limit=0 if page else most + 1,
                seconds=max(1, int(seconds)),
                page=page,
                cookie=cookie,
            )
            done = await self._collect(number, request, found, most)
            if done.code == Code.SIZE_LIMIT or len(found) > most:
                raise LdapResultError(
                    f"the LDAP directory has more than {most} entries that match",
                    result=Code.SIZE_LIMIT,
                )
            if done.code != Code.SUCCESS:
                raise refusal(done, f"the search below {base!r}")
            cookie = done.cookie
            if not cookie:
                return found

    async def close(self) -> None:
        """Say good-bye, where the server still listens."""
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True):
            with suppress(*_GONE):
                await self._stream.send(messages.unbind(next(self._numbers)))
        await anyio.aclose_forcefully(self._stream)

    async def _collect(self, number: int, request: bytes, found: list[Entry], most: int) -> Result:
        answer = await self._ask(number, request)
        while not isinstance(answer, Result):
            if isinstance(answer, Entry):
                found.append(answer)
            if len(found) > most + PAGE:  # a server that minds no limit
                return Result(number, Code.SIZE_LIMIT)
            answer = await self._receive(number)
        return answer

    async def _ask(self, number: int, request: bytes) -> Message:
        try:
            await self._stream.send(request)
        except _GONE as error:
            _unavailable(self.server, _reason(error))
        return await self._receive(number)

    async def _receive(self, number: int) -> Message:
        """Return the next message of this request."""
        while (message := self._incoming.next()) is None:
            try:
                self._incoming.feed(await self._stream.receive())
            except _GONE as error:
                _unavailable(self.server, _reason(error))
        if message.id == 0:  # a notice of disconnection (RFC 4511 section 4.4.1)
            _unavailable(self.server, "it ended the connection")
        if message.id != number:
            raise LdapProtocolError("the LDAP server answered what nobody asked")
        return message


def refusal(result: Result, what: str) -> LdapError:
    """Return the error for a result that is not success."""
    if result.code == Code.REFERRAL:
        return LdapResultError(
            f"the LDAP server refers {what} to another server, which is not asked",
            result=result.code,
            hint="name the server that holds the entries",
        )
    said = words(result.diagnostic) or "without saying why"
    return LdapResultError(
        f"the LDAP server refused {what}: result {result.code} ({said})", result=result.code
    )


def words(diagnostic: str) -> str:
    """Return what a server said, fit for a log."""
    return "".join(each for each in diagnostic if each.isprintable()).strip()[:200]


def _unavailable(server: Server, reason: str) -> NoReturn:
    raise LdapUnavailableError(
        f"{server} cannot be used: {reason}", hint="check the server and its certificate"
    )


def _reason(error: BaseException) -> str:
    """Say why: anyio often wraps what the system said."""
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(inner, ssl.SSLError):
        return f"TLS failed: {inner.reason or inner}".lower()
    if isinstance(inner, OSError):
        return (inner.strerror or str(inner)).lower()
    return "it ended the connection"
