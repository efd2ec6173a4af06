"""What a form sends: a few named texts, read strictly."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException

from pgward.ca.resources import fields

_MOST_FIELDS = 200
_TYPE = "application/x-www-form-urlencoded"
Body = TypeVar("Body", bound=BaseModel)
Model = TypeVar("Model", bound="Form")


class Form(BaseModel):
    """The base of all forms: known fields only, and input never stands in an error.

    A field that repeats is a list. ``csrf`` has been looked at before the form is read.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    csrf: str = ""


async def texts(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form; 415 and 400 for what is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TYPE:
        raise HTTPException(415, "the body is not a form")
    body = await request.body()
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise HTTPException(400, "the body is not a form") from None
    for name, value in pairs:
        if "\0" in value or "\0" in name:
            raise HTTPException(400, "the form holds a NUL")
        # Browsers send line breaks as CR LF (HTML section 4.10.21.4).
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def read(model: type[Model], given: Mapping[str, list[str]]) -> Model:
    """Return what was sent; raise FieldsError, which names the fields."""
    lists = {
        name
        for name, each in model.model_fields.items()
        if str(each.annotation).startswith(("list", "tuple"))
    }
    flat: dict[str, Any] = {
        name: values if name in lists or len(values) > 1 else values[0]
        for name, values in given.items()
    }
    return checked(model, flat)


def checked(model: type[Body], given: Mapping[str, Any]) -> Body:
    """Return a model, of a form or of the API, that was filled in; raise FieldsError."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise fields.explain([dict(each) for each in found]) from None
