import json

import pytest

from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.ca.service import errors
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    LoginNeededError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LoginNeededError(), 401, "login_needed"),
        (DeniedError("no"), 403, "denied"),
        (NotFoundError("no"), 404, "not_found"),
        (ConflictError("no"), 409, "conflict"),
        (InvalidInputError("no"), 422, "invalid"),
        (TooManyRequestsError("no"), 429, "rate_limited"),
        (UnavailableError("no"), 503, "unavailable"),
        (PgwardError("no"), 500, "failed"),
    ],
)
def test_each_of_our_errors_has_its_status(error, status, code):
    answer = errors.from_error(error)
    body = json.loads(answer.body)["error"]
    assert (answer.status_code, body["code"], body["hint"]) == (status, code, error.hint)
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_what_only_the_administrator_can_mend_is_logged_once(monkeypatch, caplog):
    monkeypatch.setattr(errors, "_seldom", errors.Seldom())
    for error in (
        UnavailableError("the disk is full"),
        TooManyRequestsError("too many requests"),
        NotFoundError("there is no such"),
        UnavailableError("the disk is full"),
    ):
        errors.from_error(error)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("WARNING", "a request was refused: the disk is full")
    ]


def test_each_message_comes_once_a_minute():
    now = [0.0]
    seldom = errors.Seldom(lambda: now[0])
    said = []
    for now[0], message in [(0, "a"), (1, "b"), (59, "a"), (60, "a"), (60.5, "b"), (61, "b")]:
        said += [(now[0], message)] if seldom.is_due(message) else []
    assert said == [(0, "a"), (1, "b"), (60, "a"), (61, "b")]


def test_wrong_fields_are_listed():
    answer = errors.from_error(FieldsError([FieldError("spec.mode", "is missing")]))
    assert json.loads(answer.body)["error"] == {
        "code": "invalid",
        "message": "spec.mode is missing",
        "hint": None,
        "fields": [{"path": "spec.mode", "message": "is missing"}],
    }


def test_an_unexpected_failure_is_logged_under_the_number_that_is_told(caplog):
    body = json.loads(errors.unexpected(RuntimeError("the inside")).body)["error"]
    number = body["message"].partition("(")[2].rstrip(")")
    assert f"unexpected failure {number}" in caplog.text
    assert "the inside" not in str(body)


def test_too_many_requests_say_when_to_try_again():
    answer = errors.from_error(TooManyRequestsError("no", retry_after=7, hint="in 7 seconds"))
    assert answer.headers["retry-after"] == "7"


def test_a_path_that_nothing_can_have_is_not_found(api):
    for path in ("/v1/crls/none.crl", "/v1/crls/none", "/v1/nothing"):
        answer = api.call("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_method_that_a_path_has_not_is_told_which_it_has(api, app, monkeypatch):
    monkeypatch.setattr(app, "openapi", None)  # which takes half a second, on the event loop
    for path, allowed in {
        "/v1/users": "GET, POST",
        "/v1/users/bob": "DELETE, GET, PATCH",
        "/v1/login": "GET, POST",
        "/v1/certificates/revoke": "POST",
        "/healthz": "GET",
        "/v1/crls/none.crl": "GET",
    }.items():
        answer = api.call("PUT", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["error"]["message"] == "method not allowed"


def test_a_body_of_another_type_is_told_so(api):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = api.client.post(
            "/v1/enroll", content=b'{"token": "x"}', headers={"Content-Type": kind}
        )
        error = answer.json()["error"]
        assert (answer.status_code, error["message"]) == (415, "the body is not JSON")
        assert error["hint"] == "send it with Content-Type: application/json"
    answer = api.client.post(
        "/v1/enroll", content=b"{", headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert answer.status_code == 400


def test_what_is_away_for_now_says_so_too():
    assert errors.from_error(UnavailableError("no")).headers["retry-after"] == "5"
