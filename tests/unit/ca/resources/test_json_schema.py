"""What the schemas say about documents that are right, and about such that are not."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pgward.ca.resources import json_schema, kinds
from pgward.client import manifest
from tests.fixtures.ca_service import service

ROOT = Path(__file__).parents[4]

EXAMPLES = [
    each
    for path in sorted((ROOT / "examples").rglob("*.yaml"))
    if "kind:" in path.read_text()
    for each in manifest.read_path(path)
    if each.kind in kinds.KINDS
]


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_has_a_schema_of_its_own(kind):
    schema = json_schema.of(kind)
    Draft202012Validator.check_schema(schema)
    assert (schema["$schema"], schema["title"]) == (json_schema.DIALECT, kind)
    assert schema["properties"]["kind"]["const"] == kind


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda each: f"{each.kind}-{each.name}")
def test_examples_are_right(document):
    Draft202012Validator(json_schema.of(document.kind)).validate(document.value)


def test_what_stands_for_more_is_right_too():
    discovery = json_schema.of("Integration")["$defs"]["IntegrationSpec"]["properties"]["discovery"]
    assert {"const": "off", "type": "string"} in discovery["anyOf"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (service(upstream={"hots": "x"}), "upstream"),
        (service(mode="udp"), "mode"),
        (service() | {"kind": "Frog"}, "kind"),
    ],
)
def test_what_is_wrong_is_told_by_an_editor_too(body, where):
    found = list(Draft202012Validator(json_schema.of("Service")).iter_errors(body))
    assert any(where in each.absolute_path for each in found)


def test_descriptions_are_one_paragraph_and_titles_are_left_out():
    schema = json_schema.of("AccessFlow")
    described = schema["$defs"]["AccessFlowSpec"]["description"]
    assert "\n" not in described
    assert "`roles` and `privileges` are bounds" in described
    assert "title" not in schema["$defs"]["AccessFlowSpec"]
    assert schema["$defs"]["Metadata"]["properties"]["updatedBy"]["readOnly"] is True


def test_a_field_called_title_stays():
    plain = json_schema._plain({"title": "X", "properties": {"title": {"title": "Title"}}})
    assert plain == {"properties": {"title": {}}}
