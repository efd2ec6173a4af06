import json

import pytest

from pgward.ca.fields import FieldError, FieldsError
from pgward.ca.service import errors
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    LoginNeededError,
    NotFoundError,
    PgwardError,
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
        (UnavailableError("no"), 503, "unavailable"),
        (PgwardError("no"), 500, "failed"),
    ],
)
def test_each_of_our_errors_has_its_status(error, status, code):
    answer = errors.from_error(error)
    body = json.loads(answer.body)["error"]
    assert (answer.status_code, body["code"], body["hint"]) == (status, code, error.hint)
    assert ("www-authenticate" in answer.headers) is (status == 401)


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
