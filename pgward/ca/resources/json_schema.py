"""JSON Schema (draft 2020-12) of each kind, for editors and other programs.

It says what may stand where. What needs more than one field to be decided, or what else there is,
only `pgward apply --dry-run` tells.
"""

from typing import Any

from pgward.ca.resources import kinds

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SERVER_WRITTEN = ("createdAt", "createdBy", "updatedAt", "updatedBy")


def of(kind: str) -> dict[str, Any]:
    """Return the schema of a kind, by its exact name."""
    found = kinds.KINDS[kind].model_json_schema(by_alias=True)
    found = _plain(found)
    metadata = found["properties"]["metadata"]["$ref"].rpartition("/")[2]
    for name in _SERVER_WRITTEN:
        written = {"readOnly": True, "description": "Written by the authority."}
        found["$defs"][metadata]["properties"][name] = written
    return {"$schema": DIALECT, "title": kind, **found}


def _plain(value: Any, *, of_names: bool = False) -> Any:
    """Leave out titles, which only repeat names, and make descriptions one paragraph each.

    ``of_names``: the keys of this object are names of fields, of which one may be "title".
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        if key == "title" and not of_names:
            continue
        if key == "description" and not of_names and isinstance(inner, str):
            found[key] = " ".join(inner.split()).replace("``", "`")
        else:
            found[key] = _plain(inner, of_names=key in ("properties", "$defs") and not of_names)
    return found
