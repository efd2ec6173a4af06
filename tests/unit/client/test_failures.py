import socket
import ssl
from datetime import timedelta

import httpx2
import pytest

from pgward.client import failures
from pgward.client.failures import FieldsError
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    FaultError,
    LoginNeededError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)

URL = "https://ca.test:8443"
MINUTE = timedelta(minutes=1)


def body(code: str, **more: object) -> bytes:
    return httpx2.Response(
        400, json={"error": {"code": code, "message": "it is so", **more}}
    ).content


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("denied", DeniedError),
        ("not_found", NotFoundError),
        ("conflict", ConflictError),
        ("unavailable", UnavailableError),
        ("rate_limited", TooManyRequestsError),
        ("login_needed", LoginNeededError),
        ("invalid", FieldsError),
        ("failed", FaultError),
        ("something new", PgwardError),
    ],
)
def test_a_code_becomes_its_error(code, kind):
    error = failures.from_answer(400, body(code, hint="do this", fields=[]), URL)
    assert (type(error), error.message, error.hint) == (kind, "it is so", "do this")


def test_a_login_that_is_needed_has_its_hint():
    assert failures.from_answer(401, body("login_needed"), URL).hint == "pgward login"


def test_one_field_is_the_message_and_several_are_lines():
    one = [{"path": "a.b", "message": "is missing"}]
    error = failures.from_answer(422, body("invalid", fields=one), URL)
    assert isinstance(error, FieldsError)
    assert (error.message, error.fields) == ("it is so", (("a.b", "is missing"),))
    error = failures.from_answer(422, body("invalid", fields=one * 2), URL)
    assert error.message == "a.b is missing\na.b is missing"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"[]",
        b'{"error": "text"}',
        b'{"error": {"code": "x"}}',
        b'{"error": {"code": "x", "message": "m", "fields": [1]}}',
    ],
)
def test_what_is_not_the_cas_names_the_status(data):
    error = failures.from_answer(502, data, URL)
    assert error.message == "ca.test:8443 answered with HTTP status 502"


@pytest.mark.parametrize("data", [b"<html>", b"[]", b"\xff", b"7"])
def test_an_answer_must_be_an_object(data):
    with pytest.raises(UnavailableError, match="does not answer as a pgward CA does"):
        failures.read_object(data, URL)


@pytest.mark.parametrize(("seconds", "side"), [(90, "ahead of"), (-90, "behind")])
def test_a_wrong_clock_is_blamed_for_a_refusal(seconds, side):
    error = failures.blame_clock(DeniedError("no"), timedelta(seconds=seconds), MINUTE, URL)
    assert error.message == f"this machine's clock is 90 seconds {side} that of ca.test:8443"


def test_the_clock_is_not_blamed_for_everything():
    problem = NotFoundError("no")
    assert failures.blame_clock(problem, timedelta(hours=1), MINUTE, URL) is problem
    refused = DeniedError("no")
    assert failures.blame_clock(refused, timedelta(seconds=59), MINUTE, URL) is refused


def verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, "as OpenSSL says."
    return error


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        (ConnectionRefusedError(111, "x"), "refuses connections"),
        (socket.gaierror(-2, "x"), "has a host name that cannot be found"),
        (verification(10), "has an expired certificate"),
        (verification(9), "has a certificate that is not valid yet"),
        (verification(18), "has a certificate that does not come from the pinned root"),
        (verification(20), "has a certificate that does not come from the pinned root"),
        (verification(62), "has a certificate for another name (as OpenSSL says)"),
        (verification(79), "has a bad certificate (as OpenSSL says.)"),
        (ssl.SSLError(1, "[SSL: WRONG] odd"), "does not speak TLS as expected"),
        (OSError(113, "No route to host"), "cannot be reached (no route)"),
    ],
)
def test_a_failed_connection_says_why(cause, what):
    error = httpx2.ConnectError("No route")
    error.__cause__ = httpx2.ConnectError("inner")
    error.__cause__.__context__ = cause
    found = failures.connection_error(error, URL)
    assert found.message.startswith(f"the CA at ca.test:8443 {what}")
    assert found.hint


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (httpx2.ConnectTimeout(""), "cannot be reached in time"),
        (httpx2.ReadTimeout(""), "did not answer in time"),
        (httpx2.ReadError(""), "broke the connection (ReadError)"),
        (httpx2.RemoteProtocolError("Server left."), "broke the connection (server left)"),
    ],
)
def test_a_broken_conversation_says_how(error, what):
    assert failures.connection_error(error, URL).message == f"the CA at ca.test:8443 {what}"


def test_several_attempts_are_looked_through():
    error = httpx2.ConnectError("all failed")
    error.__cause__ = BaseExceptionGroup("x", [ConnectionRefusedError(), ConnectionRefusedError()])
    assert "refuses connections" in failures.connection_error(error, URL).message


def test_a_request_that_cannot_be_written_is_not_quoted():
    error = httpx2.LocalProtocolError("Illegal header value b'DPoP pgs1.secret\\n'")
    shown = failures.connection_error(error, URL)
    assert shown.message == "the CA at ca.test:8443 cannot be asked: the request is malformed"
