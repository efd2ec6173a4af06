"""Around every request: its body is bounded, its failure is caught, its access is logged."""

import logging
import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgward.ca import caller
from pgward.ca.service import errors

MAX_BODY = 64 * 1024
_access = logging.getLogger("pgward.ca.access")


class BodyTooLargeError(HTTPException):
    """More bytes came than the route takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the body is longer than {limit} bytes")


class Guard:
    """Pure ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, *, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = scope.get("client")
        reset = caller.client.set(address[0] if address else None)
        answer = _Answer(send)
        began = time.perf_counter()
        try:
            await self._serve(scope, receive, answer)
        finally:
            caller.client.reset(reset)
            _log_access(scope, answer.status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        limit = self._larger.get(scope["path"], MAX_BODY)
        if _declared(scope) > limit:
            refusal = BodyTooLargeError(limit)
            await errors.respond(413, "invalid", refusal.detail)(scope, receive, answer)
            return
        try:
            await self._app(scope, _bounded(receive, limit), answer)
        except BodyTooLargeError as error:
            too_large = errors.respond(413, "invalid", error.detail)
            await _finish(scope, receive, answer, too_large)
        except Exception as error:  # noqa: BLE001 - the last resort: logged with an id, told by it
            await _finish(scope, receive, answer, errors.unexpected(error))


class _Answer:
    """Passes messages on, and remembers what was begun; caches keep nothing unless told so."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault("cache-control", "no-store")
        await self._send(message)


async def _finish(scope: Scope, receive: Receive, answer: _Answer, response: ASGIApp) -> None:
    if answer.status is None:  # else the answer has begun, and cutting it off is all we can do
        await response(scope, receive, answer)


def _bounded(receive: Receive, limit: int) -> Receive:
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BodyTooLargeError(limit)
        return message

    return bounded


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _log_access(scope: Scope, status: int | None, seconds: float) -> None:
    # The path without its query; header values, which hold tokens, never.
    address = scope.get("client")
    _access.info(
        "%s %s %r %s %.1fms",
        address[0] if address else "-",
        scope["method"],
        scope["path"],
        status or "-",
        seconds * 1000,
    )
