"""Answers to what methods and gates asked: objects with known fields only."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pgward.ca.resources.fields import explain


class Answer(BaseModel):
    """The base of all answers: strict, and input never stands in an error."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


Kind = TypeVar("Kind", bound=Answer)


def read(kind: type[Kind], answer: Mapping[str, Any]) -> Kind:
    """Read an answer; raise FieldsError, which names the fields below ``answer``."""
    try:
        return kind.model_validate(dict(answer))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise explain([each | {"loc": ("answer", *each["loc"])} for each in found]) from None
