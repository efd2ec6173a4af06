import pytest

from pgward.ca.login import answers
from pgward.ca.resources.fields import FieldsError


class Code(answers.Answer):
    code: str


def test_known_fields_are_read():
    assert answers.read(Code, {"code": "1"}).code == "1"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "answer.code is missing"),
        ({"code": 1}, "answer.code must be a text"),
        ({"code": "hunter2", "more": 1}, "answer.more is not a field"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(answer, message):
    with pytest.raises(FieldsError) as caught:
        answers.read(Code, answer)
    assert caught.value.message.startswith(message)
    assert "hunter2" not in str(caught.value)
