"""Why a call to the CA failed, in words: pure functions from what happened to our errors."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2

from pgward.core.errors import (
    ConflictError,
    DeniedError,
    FaultError,
    InvalidInputError,
    LoginNeededError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
    UnacceptableError,
    UnavailableError,
)

_BY_CODE: Mapping[str, type[PgwardError]] = {
    cls.code: cls
    for cls in (
        *(NotFoundError, ConflictError),
        *(UnavailableError, TooManyRequestsError, DeniedError, UnacceptableError),
    )
}

# X509_V_ERR_* of OpenSSL (x509_vfy.h)
_NOT_YET_VALID = 9
_EXPIRED = 10
_UNKNOWN_ISSUER = {18, 19, 20, 21}
_WRONG_HOST = {62, 64}


class FieldsError(InvalidInputError):
    """The CA refused fields of what was sent: ``fields`` are pairs of path and message."""

    def __init__(
        self, message: str, fields: tuple[tuple[str, str], ...], *, hint: str | None = None
    ) -> None:
        several = len(fields) > 1
        lines = [f"{path} {text}".strip() for path, text in fields] if several else [message]
        super().__init__("\n".join(lines), hint=hint)
        self.fields = fields


class ConflictsError(ConflictError):
    """What was sent is right, and collides with what is there: ``fields`` says where it stands."""

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...]) -> None:
        lines = [f"{path} {text}".strip() for path, text in fields]
        super().__init__("\n".join(lines) if len(lines) > 1 else message)
        self.fields = fields


def host_of(url: str) -> str:
    """Return ``host:port`` of the CA, as errors name it."""
    return urlsplit(url).netloc


def read_object(data: bytes, url: str) -> dict[str, Any]:
    """Read a JSON object; raise UnavailableError when something else answered."""
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise not_a_ca(url)
    return value


def not_a_ca(url: str) -> UnavailableError:
    """Return the error for an answer that no pgward CA gives."""
    return UnavailableError(
        f"{host_of(url)} does not answer as a pgward CA does", hint="check the CA's address"
    )


def from_answer(status: int, data: bytes, url: str) -> PgwardError:
    """Return the error that an answer with a failure status stands for."""
    try:
        body = json.loads(data)["error"]
        code, message, hint = str(body["code"]), str(body["message"]), body.get("hint")
        fields = tuple((str(f["path"]), str(f["message"])) for f in body.get("fields") or ())
    except (ValueError, KeyError, TypeError, AttributeError):
        return UnavailableError(
            f"{host_of(url)} answered with HTTP status {status}",
            hint="check the CA's address, and any proxy in between",
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        code = UnacceptableError.code
    return _named(code, message, None if hint is None else str(hint), fields)


def _named(
    code: str, message: str, hint: str | None, fields: tuple[tuple[str, str], ...]
) -> PgwardError:
    if code == InvalidInputError.code:
        return FieldsError(message, fields, hint=hint)
    if code == ConflictError.code and fields:
        return ConflictsError(message, fields)
    if code == LoginNeededError.code:
        return LoginNeededError(message, hint=hint or "pgward login")
    if code == FaultError.code:
        return FaultError(message, hint=hint)
    return _BY_CODE.get(code, PgwardError)(message, hint=hint)


def clock_error(skew: timedelta, url: str) -> PgwardError:
    """Return the error for a clock that is ``skew`` ahead of the CA's."""
    seconds = int(skew.total_seconds())
    side = "ahead of" if seconds > 0 else "behind"
    return PgwardError(
        f"this machine's clock is {abs(seconds)} seconds {side} that of {host_of(url)}",
        hint="set the clock (for example with NTP) and try again",
    )


def blame_clock(
    problem: PgwardError, skew: timedelta, tolerance: timedelta, url: str
) -> PgwardError:
    """Return ``problem``, or the clock's error when that is why a login or proof was refused."""
    refused = isinstance(problem, DeniedError | LoginNeededError)
    return clock_error(skew, url) if refused and abs(skew) > tolerance else problem


def connection_error(error: httpx2.HTTPError, url: str) -> UnavailableError:
    """Say what kept us from an answer: refused, unknown host, time-out or TLS."""
    host = host_of(url)
    what, hint = _reason(error)
    return UnavailableError(f"the CA at {host} {what}", hint=hint)


# The first that fits a cause of the failure; {} is that cause in its own words.
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (ssl.SSLError, "does not speak TLS as expected ({})", "check the port"),
    (
        socket.gaierror,
        "has a host name that cannot be found",
        "check the address and the network",
    ),
    (
        ConnectionRefusedError,
        "refuses connections",
        "check that `pgward ca serve` runs there, and the port",
    ),
)
_KINDS: tuple[tuple[type[httpx2.HTTPError], str, str], ...] = (
    (
        httpx2.ConnectTimeout,
        "cannot be reached in time",
        "check the address, the network and any firewall",
    ),
    (
        httpx2.TimeoutException,
        "did not answer in time",
        "try again; look at the CA's log if it stays so",
    ),
    (httpx2.ConnectError, "cannot be reached ({})", "check the address and the network"),
    # Its text quotes headers, which carry the login token.
    (httpx2.LocalProtocolError, "cannot be asked: the request is malformed", "pgward login"),
    (httpx2.HTTPError, "broke the connection ({})", "try again; look at the CA's log"),
)


def _reason(error: httpx2.HTTPError) -> tuple[str, str]:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause)
    for kind, what, hint in _CAUSES:
        for cause in causes:
            if isinstance(cause, kind):
                return what.format(_plain(cause)), hint
    what, hint = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    return what.format(_plain(error)), hint


def _certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    if error.verify_code == _EXPIRED:
        return "has an expired certificate", "check this machine's clock; else restart the CA"
    if error.verify_code == _NOT_YET_VALID:
        return "has a certificate that is not valid yet", "check this machine's clock, and the CA's"
    if error.verify_code in _WRONG_HOST:
        return (
            f"has a certificate for another name ({error.verify_message.rstrip('.')})",
            "use a name given to `pgward ca init --dns`",
        )
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            "has a certificate that does not come from the pinned root",
            "if the CA was made anew: pgward login --ca URL --fingerprint SHA256:…",
        )
    return f"has a bad certificate ({error.verify_message})", "look at the CA's certificate"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            for inner in seen.exceptions:
                yield from _causes(inner)
        seen = seen.__cause__ or seen.__context__


def _plain(error: BaseException) -> str:
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    if isinstance(reason, str):
        return reason.lower().replace("_", " ")
    return str(error).rstrip(".").lower() or type(error).__name__
