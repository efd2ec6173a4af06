import json

import pytest

from pgward.client import step_up
from pgward.client.api import ApiClient
from pgward.client.services import StepUp
from pgward.core.errors import DeniedError, NotFoundError
from tests.fixtures.fake_ca import NOW, error
from tests.fixtures.step_ups import CODE

QUARTER = "2026-11-21T12:15:00Z"


class Answers:
    def __init__(self, *codes):
        self._codes, self.wrong = list(codes), []

    def answer(self, kind, facts):
        assert (kind, facts) == ("second_factor", {"factors": ["totp"], "service": "orders"})
        return {"factor": "totp", "code": self._codes.pop(0)}

    def told_wrong(self, _kind, problem):
        self.wrong.append(problem)
        return bool(self._codes)


@pytest.fixture
def ca(asking_ca):
    with ApiClient.of(asking_ca.trust, clock=asking_ca.clock) as made:
        yield made


def test_nothing_is_proved_at_first(ca):
    assert step_up.ask(ca, "orders") == StepUp(15, ("totp",), None)


def test_a_right_code_proves(ca, asking_ca):
    found = step_up.prove(ca, "orders", Answers(CODE))
    assert found.to_json()["proved_until"] == QUARTER
    assert found.is_proved(NOW)
    assert step_up.ask(ca, "orders", wait=20) == found
    begun = json.loads(asking_ca.requests[0].content)
    assert begun == {"service": "orders"}
    assert asking_ca.requests[-1].url.params["wait"] == "20"


def test_a_wrong_code_may_be_mended(ca):
    answers = Answers("1", CODE)
    assert step_up.prove(ca, "orders", answers).is_proved(NOW)
    assert answers.wrong == ["wrong code"]
    with pytest.raises(DeniedError, match="wrong code"):
        step_up.prove(ca, "orders", Answers("1"))


def test_a_service_that_is_not_there(ca):
    with pytest.raises(NotFoundError):
        step_up.prove(ca, "other", Answers())


def test_whether_there_is_something_to_prove_with(ca, asking_ca):
    step_up.check_possible(ca, "orders")
    asking_ca.routes["POST /v1/me/step-up"] = error("denied", "you have none")
    with pytest.raises(DeniedError, match="you have none"):
        step_up.check_possible(ca, "orders")
