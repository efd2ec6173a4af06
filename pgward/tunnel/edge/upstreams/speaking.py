"""What the edge says to PostgreSQL before a client does: SSLRequest, the login, a question."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from pgward.pgwire import backend, binding, frontend, scram, startup
from pgward.pgwire.demands import Demands
from pgward.pgwire.errors import LoginFailedError, WireError
from pgward.pgwire.framing import Framer
from pgward.pgwire.login_out import LoginOut
from pgward.tunnel.edge.state_postgres import SslMode
from pgward.tunnel.edge.upstreams.channel import Channel

_NONCE_BYTES = 18
_KEYS_KEPT = 64
_MOST_ANSWER = 64 * 1024
_YES, _NO = b"S", b"N"
_ANY = Demands()

# PBKDF2 takes a millisecond of the event loop for each login, and its answer stays the same.
_salted = lru_cache(_KEYS_KEPT)(scram.salted)
# A server may ask for up to a second of it with each login: not on the loop, where all would wait.
_COSTLY = re.compile(rb"i=[0-9]{5}")
_MOST_CUT = 8  # bytes of it in the reads before
_salting = ThreadPoolExecutor(2, thread_name_prefix="salting")


class PlainError(WireError):
    """PostgreSQL speaks no TLS, and the service wants it."""


async def wants_tls(channel: Channel, mode: SslMode) -> bool:
    """Ask for TLS where the mode says so (chapter 54.2.10); tell whether it begins now.

    Raises PlainError where it must and does not, WireError for any other answer, OSError.
    """
    if mode == "disable":
        return False
    await channel.send(startup.ssl_request())
    answer = await channel.receive_byte()
    if answer == _YES:
        return True
    if answer == _NO:
        if mode == "prefer":
            return False
        raise PlainError(f"PostgreSQL speaks no TLS, and the service wants it (sslMode: {mode})")
    if not answer:
        raise ConnectionResetError("it closed the connection when it was asked for TLS")
    # What it says is not shown: nobody knows yet who it is (CVE-2024-10977).
    raise WireError("it does not answer as PostgreSQL does when it is asked for TLS")


async def log_in(
    channel: Channel,
    parameters: Mapping[str, str],
    password: bytes | None,
    minor: int,
    demands: Demands = _ANY,
) -> LoginOut:
    """Log in; raise LoginFailedError, VersionRefusedError, WireError, OSError or ssl.SSLError."""
    certificate = channel.certificate()
    login = LoginOut(
        parameters,
        password=password,
        tls=channel.proves,
        binding=None if certificate is None else binding.end_point(certificate),
        minor=minor,
        nonce=secrets.token_urlsafe(_NONCE_BYTES),
        demands=demands,
        salting=_salted,
    )
    await channel.send(login.begin())
    loop, is_costly, before = asyncio.get_running_loop(), False, b""
    while not login.done:
        data = await _heard(channel, login)
        said = before + data
        is_costly, before = is_costly or bool(_COSTLY.search(said)), said[-_MOST_CUT:]
        if is_costly:
            answer = await loop.run_in_executor(_salting, login.receive, data)
        else:
            answer = login.receive(data)
        if answer:
            await channel.send(answer)
    return login


async def ask(channel: Channel, sql: str, most: int = _MOST_ANSWER) -> str:
    """Return the one value of a query's one row; raise WireError, OSError or ssl.SSLError."""
    await channel.send(frontend.query(sql))
    framer, value = Framer(most), None
    while True:
        found = framer.next()
        if found is None:
            data = await channel.receive()
            if not data:
                raise ConnectionResetError("it closed the connection")
            framer.feed(data)
            continue
        kind, body = found
        if kind == backend.ERROR:
            fields = backend.read_fields(body)
            raise LoginFailedError(fields.get("M", "it did not answer"), fields=fields)
        if kind == backend.DATA_ROW:
            (value,) = backend.read_data_row(body)
        if kind == backend.READY:
            break
    if value is None:
        raise WireError(f"PostgreSQL has no answer to {sql}")
    return value.decode("utf-8", "replace")


async def _heard(channel: Channel, login: LoginOut) -> bytes:
    try:
        data = await channel.receive()
    except ConnectionResetError as error:
        raise login.ended() from error
    if not data:
        raise login.ended()
    return data
