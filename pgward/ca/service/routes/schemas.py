"""Which kinds of resources there are, and the JSON Schema of each."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pgward.ca.resources import json_schema, kinds
from pgward.ca.service import strict
from pgward.ca.service.auth import Person

router = strict.router("resources")


class Kinds(BaseModel):
    """All kinds, by name."""

    kinds: list[str]


class SchemaReply(BaseModel):
    """A kind's JSON Schema."""

    model_config = ConfigDict(serialize_by_alias=True)

    # `schema` is a method of pydantic's models.
    schema_: dict[str, Any] = Field(alias="schema")


@router.get("/schemas", summary="List the kinds of resources")
def every(_by: Person) -> Kinds:
    """Return every kind."""
    return Kinds(kinds=list(kinds.KINDS))


@router.get("/schemas/{kind}", summary="Show the JSON Schema of a kind")
def show(_by: Person, kind: str) -> SchemaReply:
    """Return the schema (draft 2020-12) of a resource of this kind."""
    return SchemaReply(schema=json_schema.of(kinds.canonical(kind)))
