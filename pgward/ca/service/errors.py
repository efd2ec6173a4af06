"""How errors leave the API: one JSON shape, and nothing of the inside."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from pgward.ca.resources import fields
from pgward.ca.resources.fields import ConflictsError, FieldError, FieldsError
from pgward.ca.resources.stored import StaleError
from pgward.core.errors import PgwardError, UnavailableError

_log = logging.getLogger(__name__)
STATUS = {
    "login_needed": 401,
    "denied": 403,
    "not_found": 404,
    "conflict": 409,
    "invalid": 422,
    "unacceptable": 422,
    "rate_limited": 429,
    "unavailable": 503,
    "failed": 500,
}
EXPECTED = (PgwardError, RequestValidationError, HTTPException)
_JSON = "send it with Content-Type: application/json"
_SILENT_SECONDS = 60.0
UNMATCHED = "unmatched"
EXPRESS = "pgward.route"  # in a scope: the path of what FastAPI did not route
_HTTP_CODES = {404: "not_found", 403: "denied", 401: "login_needed", 503: "unavailable"}


class WrongField(BaseModel):
    """One field that is wrong."""

    path: str
    message: str


class ErrorDetail(BaseModel):
    """What happened and what to do next."""

    code: str
    message: str
    hint: str | None
    fields: list[WrongField]


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


def respond(
    status: int,
    code: str,
    message: str,
    *,
    hint: str | None = None,
    wrong: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as JSON."""
    detail = ErrorDetail(
        code=code,
        message=message,
        hint=hint,
        fields=[WrongField(path=each.path, message=each.message) for each in wrong],
    )
    sent = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = 'DPoP algs="ES256"'  # RFC 9449 section 7.1
    return JSONResponse(ErrorBody(error=detail).model_dump(), status, headers=sent)


class Seldom:
    """Lets each message through once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def is_due(self, message: str) -> bool:
        """Tell whether to say it now, and count it as said."""
        now = self._clock()
        self._until = {each: until for each, until in self._until.items() if until > now}
        if message in self._until:
            return False
        self._until[message] = now + _SILENT_SECONDS
        return True


_seldom = Seldom()


def status(error: PgwardError) -> int:
    """Return the HTTP status of one of our own errors."""
    if isinstance(error, StaleError):  # RFC 9110 section 13.1.1
        return HTTPStatus.PRECONDITION_FAILED
    return STATUS.get(error.code, 500)


def from_error(error: PgwardError) -> JSONResponse:
    """Answer one of our own errors; the log has those that only an administrator can mend."""
    if error.code == UnavailableError.code and _seldom.is_due(error.message):
        _log.warning("a request was refused: %s", error.message)
    wrong = error.fields if isinstance(error, FieldsError | ConflictsError) else ()
    headers = None
    if isinstance(error, UnavailableError):
        headers = {"Retry-After": str(error.retry_after)}  # RFC 9110 section 10.2.3
    return respond(
        status(error), error.code, error.message, hint=error.hint, wrong=wrong, headers=headers
    )


def unexpected(error: BaseException) -> JSONResponse:
    """Log a failure of ours in full under an id, and tell only the id."""
    number = secrets.token_hex(6)
    _log.error("unexpected failure %s", number, exc_info=error)
    return respond(
        500,
        "failed",
        f"the authority failed unexpectedly ({number})",
        hint="its log has the details under this number",
    )


def answer(
    error: PgwardError | RequestValidationError | HTTPException, request: Request
) -> JSONResponse:
    """Answer what a route or the framework raises."""
    if isinstance(error, PgwardError):
        return from_error(error)
    if isinstance(error, RequestValidationError):
        return _validation(error, request)
    return _http(error, request)


def install(app: FastAPI) -> None:
    """Make the application answer errors in our shape."""
    for kind in EXPECTED:
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, EXPECTED):
        raise TypeError(error)
    return answer(error, request)


def _validation(error: RequestValidationError, request: Request) -> JSONResponse:
    errors = list(error.errors())
    if any(each["loc"][0] == "path" for each in errors):
        # What no path of ours can be names nothing.
        return respond(HTTPStatus.NOT_FOUND, "not_found", "not found")
    if any(each["loc"][0] == "body" for each in errors) and not _is_json(request):
        return respond(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "invalid", "the body is not JSON", hint=_JSON
        )
    if any(each["type"] == "json_invalid" for each in errors):
        return respond(HTTPStatus.BAD_REQUEST, "invalid", "the body is not JSON")
    # FastAPI puts where the value stood ("body", "query") before its name.
    named = [each | {"loc": tuple(each["loc"])[1:] or ("body",)} for each in errors]
    return from_error(fields.explain(named))


def _http(error: HTTPException, request: Request) -> JSONResponse:
    status = error.status_code
    response = respond(status, _HTTP_CODES.get(status, "invalid"), error.detail.lower())
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """Return every method of the path: each route knows only its own (RFC 9110 section 10.2.1)."""
    path, found = route_of(request.scope), set[str]()
    for each in request.app.router.routes:
        # Routers that were included with a prefix hold their routes inside.
        for route in getattr(each, "effective_candidates", lambda each=each: [each])():
            if getattr(route, "path", None) == path:
                found |= getattr(route, "methods", None) or set()
    return sorted(found)


def _is_json(request: Request) -> bool:
    """Tell whether the body says that it is JSON, or says nothing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not kind or (kind.startswith("application/") and kind.endswith(("/json", "+json")))


def route_of(scope: Scope) -> str:
    """Return the template that the path matched (``/v1/users/{name}``): one of a known few."""
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path = scope.get(EXPRESS) or getattr(route, "path", None)
    return path if isinstance(path, str) else UNMATCHED
