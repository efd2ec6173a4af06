"""Errors that name the field: pydantic's findings in our words, with the nearest right name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from pgward.core.errors import ConflictError, InvalidInputError

_MAX_REPORTED = 20
_WORDS = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "missing": "is missing",
    "union_tag_not_found": "is missing",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, by its path (``spec.upstream.port``)."""

    path: str
    message: str


class FieldsError(InvalidInputError):
    """Input with wrong fields; the message is about the first, ``fields`` lists all."""

    def __init__(self, fields: Sequence[FieldError]) -> None:
        first = fields[0]
        text = f"{first.path} {first.message}".strip()
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        super().__init__(text + more)
        self.fields = tuple(fields)


class ConflictsError(ConflictError):
    """What was sent is right, and collides with what is there: ``fields`` says where it stands."""

    def __init__(self, fields: Sequence[FieldError]) -> None:
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        super().__init__(f"{fields[0].path} {fields[0].message}{more}")
        self.fields = tuple(fields)


def explain(
    errors: Iterable[ErrorDetails | dict[str, Any]], model: type[BaseModel] | None = None
) -> FieldsError:
    """Turn pydantic's errors (at least one) into a FieldsError."""
    found = [
        FieldError(path_of(_located(error, model)), _message(error, model)) for error in errors
    ]
    return FieldsError(found[:_MAX_REPORTED])


def path_of(location: Sequence[int | str]) -> str:
    """Write a location as people do: ``spec.edges[0]``."""
    text = ""
    for part in location:
        if part == "[key]":  # pydantic's word for a wrong name in a mapping; it stands before
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _message(error: ErrorDetails | dict[str, Any], model: type[BaseModel] | None) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown(str(error["loc"][-1]), _known_fields(model, error["loc"][:-1]))
    if kind == "value_error":
        return str(context["error"])
    if kind in ("greater_than_equal", "less_than_equal"):
        return (
            f"must be {'at least' if 'ge' in context else 'at most'} {next(iter(context.values()))}"
        )
    if kind == "too_short":
        least = context["min_length"]
        return f"must have at least {least} item{'' if least == 1 else 's'}"
    if kind in ("literal_error", "union_tag_invalid"):
        expected = context.get("expected") or context["expected_tags"]
        return f"must be {expected.lower() if expected in ('True', 'False') else expected}"
    return _WORDS.get(kind) or _lower(error["msg"])


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5) or get_close_matches(
        to_camel(name), known, n=1
    )
    if near:
        return f"is not a field; did you mean {near[0]}?"
    return f"is not a field; known are {', '.join(known)}" if known else "is not a field"


def _known_fields(model: type[BaseModel] | None, location: Sequence[int | str]) -> list[str]:
    for part in location:
        if model is None or isinstance(part, int):
            continue
        model = _model_at(model, part)
    if model is None or isinstance(model, _Named):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


@dataclass(frozen=True, slots=True)
class _Named:
    """The model of everything in a mapping whose keys people choose."""

    model: type[BaseModel]


def _model_at(model: type[BaseModel] | Mapping[str, type[BaseModel]] | _Named, part: str) -> Any:
    """Return the model of a field; where its type is told by a tag, models by tag."""
    if isinstance(model, Mapping):
        return model.get(part)
    if isinstance(model, _Named):
        return model.model
    by_name = {field.alias or name: field for name, field in model.model_fields.items()}
    if part not in by_name:
        return None
    field = by_name[part]
    if not isinstance(field.discriminator, str):
        found = _model_in(field.annotation)
        is_named = found is not None and get_origin(field.annotation) is dict
        return _Named(found) if is_named and found is not None else found
    models = [each for each in get_args(field.annotation) if issubclass(each, BaseModel)]
    tag = field.discriminator
    return {str(get_args(each.model_fields[tag].annotation)[0]): each for each in models}


def _located(
    error: ErrorDetails | dict[str, Any], model: type[BaseModel] | None
) -> Sequence[int | str]:
    found = _untagged(model, error["loc"])
    if error["type"].startswith("union_tag"):  # it is the tag that is wrong
        return [*found, error["ctx"]["discriminator"].strip("'")]
    return found


def _untagged(model: type[BaseModel] | None, location: Sequence[int | str]) -> Sequence[int | str]:
    """Return a location without the tags that pydantic puts into it, which stand nowhere."""
    found: list[int | str] = []
    here: Any = model
    for part in location:
        if not isinstance(here, Mapping):
            found.append(part)
        if here is not None and isinstance(part, str):
            here = _model_at(here, part)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((inner for inner in found if inner is not None), None)


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
