import webbrowser

import pytest

from pgward.client import step_up_prompt
from pgward.client.api import ApiClient
from pgward.client.step_up_prompt import StepUpAnswers
from pgward.core.errors import DeniedError
from pgward.system import terminal
from tests.fixtures.fake_ca import error
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


def test_without_a_terminal_and_without_a_factor_it_is_said_how_to_get_one(
    ca, asking_ca, monkeypatch
):
    monkeypatch.setattr(terminal, "interactive", lambda: False)
    asking_ca.routes["POST /v1/me/step-up"] = error("denied", "you have none", hint="add totp")
    with pytest.raises(DeniedError, match="you have none") as caught:
        step_up_prompt.ensure(ca, "orders")
    assert caught.value.hint == "add totp"


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


class FakeLoopback:
    redirect_uri = "http://127.0.0.1:8400/callback"

    def __init__(self, ports, again):
        self.ports, self.again, self.is_closed = ports, again, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_closed = True

    def wait(self, state):
        return {"code": "c", "state": state}


def test_a_login_at_the_provider_comes_back_to_a_port_that_is_open_meanwhile(monkeypatch, capsys):
    made, opened = [], []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)

    def listen(ports, again):
        made.append(FakeLoopback(ports, again))
        return made[-1]

    with StepUpAnswers("orders", Others(), listen=listen) as answers:
        assert made == []
        facts = {"provider": "corp", "redirect_ports": [8400, "x"]}
        for _ in range(2):
            assert answers.answer("redirect", facts) == {"redirect_uri": FakeLoopback.redirect_uri}
        (loopback,) = made
        assert (loopback.ports, loopback.again) == ([8400], "pgward step-up orders")
        url = "https://idp.test/auth?state=s"
        assert answers.answer("browser", {"url": url}) == {"code": "c", "state": "s"}
        assert not loopback.is_closed
    assert loopback.is_closed
    assert opened == [url]
    assert capsys.readouterr().err.startswith(
        "for orders, log in once more at corp with the browser"
    )


def test_no_browser_opens_where_none_is_wanted(monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda _url: pytest.fail("a browser was opened"))
    with StepUpAnswers("orders", Others(), browser=False, listen=FakeLoopback) as answers:
        answers.answer("redirect", {})
        answers.answer("browser", {"url": "https://idp.test/auth?state=s"})
    assert "open this page in a browser on this machine" in capsys.readouterr().err
