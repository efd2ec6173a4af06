"""Differences between resources, as lines of YAML: pure functions."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

from pgward.system.documents import to_yaml

_CONTEXT = 3
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def own(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people wrote of a resource: kind, name, description and spec."""
    metadata = resource.get("metadata") or {}
    written = {key: metadata[key] for key in ("name", "description") if metadata.get(key)}
    return {"kind": resource.get("kind"), "metadata": written, "spec": resource.get("spec")}


def lines(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Return a unified diff; None stands for a resource that is not there.

    Fields are compared in one order, that of ``after``: a database may keep another one.
    """
    new = None if after is None else own(after)
    old = None if before is None else aligned(own(before), new)
    label = _label(new or old or {})
    first, second = (label if each is not None else "/dev/null" for each in (old, new))
    return list(unified_diff(_text(old), _text(new), first, second, lineterm="", n=_CONTEXT))


def aligned(value: Any, like: Any) -> Any:
    """Return a value with its fields in the order that they have in another; others come last."""
    if isinstance(value, Mapping):
        model = like if isinstance(like, Mapping) else {}
        keys = [key for key in model if key in value]
        keys += [key for key in value if key not in model]
        return {key: aligned(value[key], model.get(key)) for key in keys}
    if isinstance(value, list):
        models = like if isinstance(like, list) else []
        return [
            aligned(item, models[place] if place < len(models) else None)
            for place, item in enumerate(value)
        ]
    return value


def colour(line: str) -> str | None:
    """Return the colour of a line of a diff, if it has one."""
    return _COLOURS.get(line[:1])


def _text(value: Mapping[str, Any] | None) -> list[str]:
    return [] if value is None else list(_yaml(value))


def _yaml(value: Mapping[str, Any]) -> Iterator[str]:
    yield from to_yaml(value).split("\n")


def _label(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('kind')}/{(resource.get('metadata') or {}).get('name')}"
