import pytest

from pgward.client import step_up_prompt
from pgward.client.api import ApiClient
from pgward.client.step_up_prompt import StepUpAnswers
from pgward.core.errors import DeniedError
from pgward.system import terminal
from tests.fixtures.step_ups import CODE


class Others:
    def __init__(self):
        self.asked = []

    def answer(self, kind, _facts):
        self.asked.append(kind)
        return {"poll": True}

    def told_wrong(self, _kind, _problem):
        return False


@pytest.fixture
def ca(asking_ca):
    with ApiClient.of(asking_ca.trust, clock=asking_ca.clock) as made:
        yield made


def test_the_question_says_for_which_service(ca, typed):
    asked = typed("123 456")
    step_up_prompt.ensure(ca, "orders")
    assert asked == ["Code of your authenticator app, for orders"]
    step_up_prompt.ensure(ca, "orders")
    assert len(asked) == 1


def test_a_typing_error_is_asked_again(ca, typed, capsys):
    asked = typed("1", CODE)
    step_up_prompt.ensure(ca, "orders")
    assert (len(asked), capsys.readouterr().err) == (2, "wrong code\n")


def test_without_a_terminal_it_is_said_what_to_do(ca, monkeypatch):
    monkeypatch.setattr(terminal, "interactive", lambda: False)
    with pytest.raises(DeniedError, match="no terminal to ask on") as caught:
        step_up_prompt.ensure(ca, "orders")
    assert caught.value.hint == "pgward step-up orders, on a terminal"


def test_a_password_is_asked_for_where_it_counts(typed, capsys):
    asked, answers = typed("secret"), StepUpAnswers("orders", Others())
    assert answers.answer("password", {"user": "alice"}) == {"password": "secret"}
    assert answers.told_wrong("password", "wrong password")
    assert asked == ["Your password, for orders"]
    assert capsys.readouterr().err == "wrong password\n"


def test_what_else_is_asked_is_answered_as_at_a_login():
    others = Others()
    answers = StepUpAnswers("orders", others)
    for kind, facts in (("browser", {}), ("second_factor", {"factors": ["totp", "x"]})):
        assert answers.answer(kind, facts) == {"poll": True}
    assert others.asked == ["browser", "second_factor"]
    assert not answers.told_wrong("browser", "no")


def test_a_code_that_was_given_is_given_once(ca):
    assert step_up_prompt.prove(ca, "orders", code=CODE).proved_until is not None
    with pytest.raises(DeniedError, match="wrong code"):
        step_up_prompt.prove(ca, "orders", code="000000")
