"""Around every request: it is counted and bounded, its failure is caught, its access is told."""

import logging
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgward.ca import caller, observe
from pgward.ca.caller import Asked
from pgward.ca.http import networks
from pgward.ca.http.networks import Network
from pgward.ca.limiting.limits import Limits
from pgward.ca.service import errors
from pgward.core.errors import TooManyRequestsError

MAX_BODY = 64 * 1024
# A balancer that is refused an answer would take the authority away from everyone.
UNLIMITED = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What browsers shall not do with any answer; pages say more of it themselves.
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
Page = Callable[[JSONResponse], ASGIApp]
"""Makes a page for browsers of an answer that is an error."""
_access = logging.getLogger("pgward.ca.access")


class BodyTooLargeError(HTTPException):
    """More bytes came than the route takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the body is longer than {limit} bytes")


class Guard:
    """Pure ASGI middleware, the outermost one; ``proxies`` may say whom they ask for.

    ``larger`` are paths that take longer bodies; one that ends in ``/`` is all that it begins.
    ``page`` is how browsers are told what the API is told as JSON; ``headers`` stand in every
    answer that has none of their names.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits | None = None,
        larger: Mapping[str, int] | None = None,
        proxies: tuple[Network, ...] = (),
        page: Page | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._limits = limits or Limits()
        self._larger = dict(larger or {})
        self._prefixes = [each for each in self._larger.items() if each[0].endswith("/")]
        self._proxies = proxies
        self._page = page
        self._headers = {"cache-control": "no-store", **EVERYWHERE, **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = _header(scope, b"traceparent")
        asked = Asked(trace_id=caller.trace_id(parent))
        address = self._address(scope)
        reset, done = caller.client.set(address), caller.asked.set(asked)
        answer = _Answer(send, asked.id, self._headers)
        began = time.perf_counter()
        try:
            with observe.step("request", parent=parent, id=asked.id) as step:
                await self._serve(scope, receive, answer, address)
                step.add(
                    method=_method(scope), route=errors.route_of(scope), status=_status(answer)
                )
        finally:
            caller.asked.reset(done)
            caller.client.reset(reset)
            _log_access(scope, asked, address, answer.status, time.perf_counter() - began)

    def _most(self, path: str) -> int:
        """Return how long the body of a request may be."""
        if path in self._larger:
            return self._larger[path]
        prefixed = (most for each, most in self._prefixes if path.startswith(each))
        return next(prefixed, MAX_BODY)

    def _address(self, scope: Scope) -> str | None:
        peer: str | None = scope["client"][0] if scope.get("client") else None
        if not self._proxies or not networks.contains(self._proxies, peer):
            return peer
        return networks.forwarded(self._proxies, peer, _header(scope, b"x-forwarded-for"))

    async def _serve(
        self, scope: Scope, receive: Receive, answer: "_Answer", address: str | None
    ) -> None:
        try:
            if scope["path"] not in UNLIMITED:
                self._limits.request(address, scope["path"], time.monotonic())
        except TooManyRequestsError as error:
            await self._told(scope, errors.from_error(error))(scope, receive, answer)
            return
        strange = _strange(scope)
        if strange is not None:
            await self._told(scope, strange)(scope, receive, answer)
            return
        limit = self._most(scope["path"])
        if _declared(scope) > limit:
            refusal = errors.respond(413, "invalid", BodyTooLargeError(limit).detail)
            await self._told(scope, refusal)(scope, receive, answer)
            return
        try:
            await self._app(scope, _bounded(receive, limit), answer)
        except BodyTooLargeError as error:
            too_large = errors.respond(413, "invalid", error.detail)
            await _finish(scope, receive, answer, self._told(scope, too_large))
        except Exception as error:  # noqa: BLE001 - the last resort: logged with an id, told by it
            failed = self._told(scope, errors.unexpected(error))
            await _finish(scope, receive, answer, failed)

    def _told(self, scope: Scope, response: JSONResponse) -> ASGIApp:
        """Return an error as whoever asks reads it."""
        if self._page is None or scope["path"].startswith("/v1/"):
            return response
        return self._page(response) if "text/html" in _header(scope, b"accept") else response


class _Answer:
    """Passes messages on with the request's id; caches keep nothing unless told so."""

    def __init__(self, send: Send, request_id: str, headers: Mapping[str, str]) -> None:
        self._send = send
        self._id = request_id
        self._headers = headers
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            headers["x-request-id"] = self._id
        await self._send(message)


async def _finish(scope: Scope, receive: Receive, answer: _Answer, response: ASGIApp) -> None:
    if answer.status is None:  # else the answer has begun, and cutting it off is all we can do
        await response(scope, receive, answer)


def _strange(scope: Scope) -> JSONResponse | None:
    """Return the answer to a request that nobody sends in good faith."""
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        # A balancer may have believed the other one (RFC 9112 section 3.2).
        return errors.respond(400, "invalid", "the request names several hosts")
    # No name has a NUL, and no database takes one.
    if "\0" in scope["path"]:
        return errors.respond(404, "not_found", "not found")
    if b"%00" in scope["query_string"]:
        return errors.respond(422, "invalid", "the query holds a NUL")
    return None


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


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _status(answer: _Answer) -> str:
    return str(answer.status or "none")


def _header(scope: Scope, wanted: bytes) -> str:
    """Return a header's values, joined as RFC 9110 section 5.3 has it; empty without one."""
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _log_access(
    scope: Scope, asked: Asked, address: str | None, status: int | None, seconds: float
) -> None:
    if not _access.isEnabledFor(logging.INFO):
        return
    # The path without its query; header values, which hold tokens, never.
    line = "%s %s %r %s %.1fms"
    milliseconds = round(seconds * 1000, 1)
    fields = {
        "method": scope["method"],
        "route": errors.route_of(scope),
        "path": scope["path"],
        "status": status,
        "duration_ms": milliseconds,
        "actor": asked.actor,
        "client": address,
        **asked.ids(),
    }
    shown = (address or "-", scope["method"], scope["path"], status or "-", milliseconds)
    _access.info(line, *shown, extra={"event": "request", "fields": fields})
