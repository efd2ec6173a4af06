"""That every entry is a field of its kind."""

from typing import Any, get_args

import pytest

from pgward.ca.resources import json_schema, kinds
from pgward.portal.pages.resources import forms_of
from pgward.portal.pages.resources.outline import Entry, Kind

SHOWN_AS = {
    Kind.TEXT: "string",
    Kind.AREA: "string",
    Kind.CHOICE: "string",
    Kind.NUMBER: "integer",
    Kind.FLAG: "boolean",
    Kind.LINES: "array",
    Kind.PAIRS: "object",
    Kind.CONDITION: "object",
    Kind.MEANING: "object",
}
ENTRIES = [
    pytest.param(kind, section.each, entry, id=f"{kind}-{section.each}-{entry.path}")
    for kind, outline in forms_of.OF.items()
    for section in outline
    for entry in section.entries
]


def resolved(schema: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a value may be."""
    if "$ref" in found:
        return resolved(schema, schema["$defs"][found["$ref"].rpartition("/")[2]])
    if "anyOf" in found or "oneOf" in found:
        either = found.get("anyOf") or found["oneOf"]
        return [one for each in either for one in resolved(schema, each)]
    return [found]


def field(schema: dict[str, Any], path: str) -> list[dict[str, Any]]:
    found = [schema]
    for name in path.split("."):
        inner = [each["properties"][name] for each in found if name in each.get("properties", {})]
        found = [one for each in inner for one in resolved(schema, each)]
    return found


@pytest.mark.parametrize(("kind", "each", "entry"), ENTRIES)
def test_every_entry_is_a_field_of_its_kind(kind: str, each: str, entry: Entry):
    schema = json_schema.of(kind)
    if each:
        items = [one for found in field(schema, each) for one in resolved(schema, found["items"])]
        schema = {**schema, "properties": items[0]["properties"]}
    found = field(schema, entry.path)
    types = {one.get("type") or type(one.get("const")).__name__ for one in found}
    assert SHOWN_AS[entry.kind] in types or (entry.kind is Kind.FLAG and "bool" in types), types
    if entry.kind is Kind.CHOICE:
        allowed = {value for one in found for value in one.get("enum", [one.get("const")])}
        assert set(entry.choices) <= allowed


@pytest.mark.parametrize(("kind", "each", "entry"), ENTRIES)
def test_what_is_usual_is_so(kind: str, each: str, entry: Entry):
    if entry.kind is not Kind.FLAG or each:
        return
    default = model_default(kinds.KINDS[kind], entry.path.split("."))
    assert bool(default) is entry.is_on or (default is None and entry.path.endswith("protectRole"))


def model_default(model: Any, path: list[str]) -> Any:
    for name in path:
        found = next(each for each in model.model_fields.values() if each.alias == name)
        default, model = found.default, model_in(found.annotation)
    return default


def model_in(annotation: Any) -> Any:
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for each in get_args(annotation) if (found := model_in(each))), None)
