import webbrowser

import pytest

from pgward.client.login.terminal_answers import TerminalAnswers
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.system import terminal


class FakeLoopback:
    def __init__(self):
        self.state = None

    def wait(self, state):
        self.state = state
        return {"code": "c", "state": state}


@pytest.fixture
def said(monkeypatch):
    said = []
    monkeypatch.setattr(terminal, "prompt", said.append)
    return said


@pytest.fixture
def opened(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    return opened


def test_the_browser_goes_to_the_page_and_its_redirect_is_the_answer(said, opened):
    loopback = FakeLoopback()
    url = "https://idp.test/authorize?state=s1&x=y"
    found = TerminalAnswers(loopback=loopback).answer("browser", {"url": url, "code": "AB-12"})
    assert found == {"code": "c", "state": "s1"}
    assert (opened, loopback.state) == ([url], "s1")
    assert "the page must show this code: AB-12" in said


def test_without_a_browser_the_address_is_shown(said, opened):
    answers = TerminalAnswers(loopback=FakeLoopback(), browser=False)
    answers.answer("browser", {"url": "https://idp.test/?state=s"})
    assert opened == []
    assert said == ["open this page in a browser on this machine:\nhttps://idp.test/?state=s"]


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "javascript:alert(1)", "http://idp.test/", "--version", ""),
        *("https://", "https://idp.test/\n", None),
    ],
)
def test_a_lying_ca_opens_no_programs(opened, url):
    with pytest.raises(UnavailableError):
        TerminalAnswers(loopback=FakeLoopback()).answer("browser", {"url": url})
    assert opened == []


def test_a_device_code_is_shown_once_and_polled_at_its_pace(said):
    pauses = []
    answers = TerminalAnswers(pause=pauses.append)
    facts = {"user_code": "ABCD", "verification_uri": "https://idp.test/device"}
    for interval in (7, 0, 9999, "x"):
        assert answers.answer("device_code", facts | {"interval": interval}) == {"poll": True}
    assert pauses == [7, 1, 60, 5]
    assert said == ["on any device, open https://idp.test/device\nand enter the code ABCD"]


def test_approval_says_how(said):
    answers = TerminalAnswers(pause=lambda _: None)
    assert answers.answer("approval", {"code": "K7"}) == {"poll": True}
    assert said == ["this device is new and waits for approval, code K7: pgward devices approve K7"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("123 456", {"factor": "totp", "code": "123456"}),
        ("abcd-efgh", {"factor": "recovery", "code": "abcd-efgh"}),
    ],
)
def test_a_code_is_of_an_app_or_for_recovery(typed, text, answer):
    typed(text)
    assert TerminalAnswers().answer("second_factor", {"factors": ["totp", "recovery"]}) == answer


KEY = {"url": "https://ca.test/login?visit=v&state=s2", "code": "BCD-234"}


class FakeListener(FakeLoopback):
    redirect_uri = "http://127.0.0.1:1/callback"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_enter_takes_the_passkey_and_names_the_way_back(said, typed, opened):
    typed("")
    answers = TerminalAnswers(listen=FakeListener)
    found = answers.answer("second_factor", {"factors": ["totp", "webauthn"], **KEY})
    assert found == {"factor": "webauthn", "code": "c", "state": "s2"}
    assert opened == [f"{KEY['url']}&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback"]
    assert said[0] == "the page must show this code: BCD-234"


def test_where_nobody_can_type_the_passkey_is_taken(said, opened):
    answers = TerminalAnswers(listen=FakeListener)
    found = answers.answer("second_factor", {"factors": ["webauthn", "recovery"], **KEY})
    assert (found["factor"], len(opened), len(said)) == ("webauthn", 1, 2)


def test_a_passkey_without_a_page_cannot_be_used(opened):
    with pytest.raises(UnavailableError, match="cannot be read"):
        TerminalAnswers(listen=FakeListener).answer("second_factor", {"factors": ["webauthn"]})
    assert opened == []


def test_what_else_is_asked_for(typed, said):
    typed("new one", "ticket 7", "token")
    answers = TerminalAnswers()
    assert answers.answer("new_password", {"rules": "14 letters"}) == {"password": "new one"}
    assert said == ["your password must be changed now", "it needs 14 letters"]
    assert answers.answer("reason", {}) == {"reason": "ticket 7"}
    assert answers.answer("device_token", {}) == {"token": "token"}
    assert TerminalAnswers(device_token=lambda: "t2").answer("device_token", {}) == {"token": "t2"}


def test_where_nobody_can_be_asked_the_option_is_named(monkeypatch):
    monkeypatch.setattr(terminal, "interactive", lambda: False)
    with pytest.raises(InvalidInputError) as refused:
        TerminalAnswers().answer("reason", {})
    assert refused.value.hint == "--reason TEXT says it"
    with pytest.raises(InvalidInputError, match="come in with a token") as refused:
        TerminalAnswers().answer("device_token", {})
    assert "--device-token-file FILE" in str(refused.value.hint)


def test_what_is_typed_may_be_typed_again_and_what_is_not_may_not(typed, said, monkeypatch):
    typed()
    answers = TerminalAnswers()
    assert answers.told_wrong("second_factor", "wrong code")
    assert not answers.told_wrong("device_code", "denied")
    assert said == ["wrong code"]
    monkeypatch.setattr(terminal, "interactive", lambda: False)
    assert not answers.told_wrong("reason", "no")


def test_a_question_of_a_newer_ca():
    with pytest.raises(InvalidInputError, match="does not know: iris"):
        TerminalAnswers().answer("iris", {})
    with pytest.raises(UnavailableError, match="nothing listens"):
        TerminalAnswers().answer("browser", {"url": "https://a.test/"})


def test_who_needs_a_second_factor_sets_one_up(said, typed):
    asked = typed("123456", "654321")
    facts = {"uri": "otpauth://totp/pgward:alice?secret=GEZD", "secret": "GEZD"}
    answers = TerminalAnswers()
    assert not answers.set_factor_up
    assert answers.answer("totp_enroll", facts) == {"code": "123456"}
    assert answers.set_factor_up
    assert answers.told_wrong("totp_enroll", "wrong code")
    assert answers.answer("totp_enroll", facts) == {"code": "654321"}
    assert asked == ["The six digits that the app shows now"] * 2
    assert [each for each in said if "GEZD" in each] == [
        "to type it instead: GEZD\nor open: otpauth://totp/pgward:alice?secret=GEZD"
    ]
