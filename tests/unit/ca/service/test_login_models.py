import pytest
from pydantic import ValidationError

from pgward.ca.login.attempt import Ask
from pgward.ca.login.engine import Asked
from pgward.ca.service.login_models import LoginRequest, More


def test_a_question_shows_its_facts_and_never_what_is_remembered():
    asked = Asked(Ask("riddle", {"text": "?"}, {"right": "42"}), "flow")
    assert More.of(asked).model_dump() == {
        "status": "continue",
        "flow": "flow",
        "ask": {"kind": "riddle", "facts": {"text": "?"}},
    }


@pytest.mark.parametrize("body", [{"otp": 1}, {"device": {"serial": "x"}}, {"user": ""}])
def test_unknown_fields_are_refused(body):
    with pytest.raises(ValidationError):
        LoginRequest.model_validate(body)
