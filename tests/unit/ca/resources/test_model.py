from typing import Annotated

import pytest
from pydantic import ValidationError

from pgward.ca.resources.model import Label, Metadata, Model, Person, checked
from pgward.core.errors import InvalidInputError


def odd(value: str) -> str:
    if len(value) % 2 == 0:
        raise InvalidInputError("it is even", hint="add a letter")
    return value


class Example(Model):
    some_name: Label = "x"
    who: Person = "alice"
    text: Annotated[str, checked(odd)] = "x"


def test_names_are_in_camel_case():
    assert Example.model_validate({"someName": "orders"}).some_name == "orders"


@pytest.mark.parametrize(
    "body", [{"some_name": "x"}, {"other": 1}, {"someName": 1}, {"someName": "A"}, {"who": "a,b"}]
)
def test_what_is_unknown_or_of_another_type_is_refused(body):
    with pytest.raises(ValidationError):
        Example.model_validate(body)


def test_our_own_checks_explain_themselves():
    with pytest.raises(ValidationError, match=r"is not valid: it is even \(add a letter\)"):
        Example.model_validate({"text": "xx"})


def test_metadata_takes_back_what_the_authority_wrote():
    body = {"name": "a", "version": 3, "createdAt": "t", "updatedBy": "root"}
    assert Metadata.model_validate(body).version == 3


@pytest.mark.parametrize("text", ["one line", "two\nlines", "Größe, 表, 💥", ""])
def test_a_description_is_words(text):
    assert Metadata(name="a", description=text).description == text


@pytest.mark.parametrize("letter", ["\0", "\x1b", "\r", "\u202e", "\u200b", "\u2066", "\ufeff"])
def test_a_description_does_not_disguise_itself(letter):
    with pytest.raises(ValidationError, match="control characters"):
        Metadata(name="a", description=f"a{letter}b")
