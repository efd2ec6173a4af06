"""How errors leave the API: one JSON shape, and nothing of the inside."""

import logging
import secrets
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pgward.ca import fields
from pgward.ca.fields import FieldError, FieldsError
from pgward.core.errors import PgwardError

_log = logging.getLogger(__name__)
STATUS = {
    "login_needed": 401,
    "denied": 403,
    "not_found": 404,
    "conflict": 409,
    "invalid": 422,
    "unavailable": 503,
    "failed": 500,
}
EXPECTED = (PgwardError, RequestValidationError, HTTPException)
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
) -> JSONResponse:
    """Return an error as JSON."""
    detail = ErrorDetail(
        code=code,
        message=message,
        hint=hint,
        fields=[WrongField(path=each.path, message=each.message) for each in wrong],
    )
    headers = {"WWW-Authenticate": 'DPoP algs="ES256"'} if status == 401 else None  # noqa: PLR2004 - RFC 9449 section 7.1
    return JSONResponse(ErrorBody(error=detail).model_dump(), status, headers=headers)


def from_error(error: PgwardError) -> JSONResponse:
    """Answer one of our own errors."""
    wrong = error.fields if isinstance(error, FieldsError) else ()
    status = STATUS.get(error.code, 500)
    return respond(status, error.code, error.message, hint=error.hint, wrong=wrong)


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


def answer(error: PgwardError | RequestValidationError | HTTPException) -> JSONResponse:
    """Answer what a route or the framework raises."""
    if isinstance(error, PgwardError):
        return from_error(error)
    if isinstance(error, RequestValidationError):
        return _validation(error)
    return _http(error)


def install(app: FastAPI) -> None:
    """Make the application answer errors in our shape."""
    for kind in EXPECTED:
        app.add_exception_handler(kind, _handle)


async def _handle(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, EXPECTED):
        raise TypeError(error)
    return answer(error)


def _validation(error: RequestValidationError) -> JSONResponse:
    errors = list(error.errors())
    if any(each["type"] == "json_invalid" for each in errors):
        return respond(HTTPStatus.BAD_REQUEST, "invalid", "the body is not JSON")
    # FastAPI puts where the value stood ("body", "query") before its name.
    named = [each | {"loc": tuple(each["loc"])[1:] or ("body",)} for each in errors]
    return from_error(fields.explain(named))


def _http(error: HTTPException) -> JSONResponse:
    status = error.status_code
    response = respond(status, _HTTP_CODES.get(status, "invalid"), error.detail.lower())
    response.headers.update(error.headers or {})
    return response
