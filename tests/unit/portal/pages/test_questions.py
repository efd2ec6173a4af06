import pytest

from pgward.core.errors import InvalidInputError
from pgward.portal.pages import questions
from pgward.portal.pages.questions import Answer, Question


def made(kind, **fields):
    return questions.answer_of(Answer(flow="f", kind=kind, **fields))


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("123456", {"factor": "totp", "code": "123456"}),
        (" 123 456 ", {"factor": "totp", "code": "123456"}),
        ("abcd-efgh", {"factor": "recovery", "code": "abcd-efgh"}),
    ],
)
def test_a_code_is_an_apps_or_a_recovery_code(typed, answer):
    assert made("second_factor", code=typed) == answer


def test_a_passkey_is_a_factor_or_a_login():
    brought = {"voucher": "v", "state": "s"}
    assert made("browser", **brought) == {"code": "v", "state": "s"}
    assert made("second_factor", **brought) == {"factor": "webauthn", "code": "v", "state": "s"}


def test_other_answers():
    assert made("approval") == {"poll": True}
    assert made("reason", reason="x") == {"reason": "x"}
    assert made("totp_enroll", code="123 456") == {"code": "123456"}


def test_passwords_must_be_the_same():
    assert made("new_password", password="a", again="a") == {"password": "a"}
    with pytest.raises(InvalidInputError, match="not the same"):
        made("new_password", password="a", again="b")


def test_a_question_that_there_is_not():
    with pytest.raises(InvalidInputError):
        made("device_code")


@pytest.mark.parametrize("facts", ["", "[]", "{", '{"url": 1, "code": "x"}', '{"code": "x"}'])
def test_what_a_page_says_of_its_question_may_be_anything(facts):
    assert Answer(flow="f", kind="browser", facts=facts).question.visit is None


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("device_code", "{}"),
        ("totp_enroll", "{}"),
        ("totp_enroll", '{"uri": "x", "secret": 1}'),
        ("second_factor", '{"factors": null}'),
        ("approval", '{"code": "x"}'),
    ],
)
def test_a_question_without_what_it_shows_is_none(kind, facts):
    with pytest.raises(InvalidInputError, match="no form of ours"):
        _ = Answer(flow="f", kind=kind, facts=facts).question


def test_a_visit_is_found_in_the_address():
    facts = {"url": "https://ca.test/login?visit=abc&state=s", "code": "BCD-FGH"}
    assert Question("f", "browser", facts).visit == "abc"
    assert Question("f", "browser", {"url": facts["url"]}).visit is None
