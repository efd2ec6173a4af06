"""What a resource refers to by name, found by its fields: the name of each means one thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What people name as they like, which refers to nothing.
_FREE = frozenset({"labels", "serviceLabels", "tags", "set"})
_LISTS = {
    "bundles": "RoleBundle",
    "groups": "Group",
    "integrations": "Integration",
    "members": "User",
    "policies": "Policy",
    "services": "Service",
    "users": "User",
    "edges": "Edge",
    "hosts": "Host",
}
_NAMES = {
    "integration": "Integration",
    "fromSecret": "Secret",
    "secret": "Secret",
    "edge": "Edge",
    "connector": "Connector",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of something else in a resource; ``field`` is where it stands."""

    kind: str
    name: str
    field: str


def of(spec: Mapping[str, Any]) -> list[Reference]:
    """Return everything that a spec (JSON, camelCase) refers to, in its order."""
    return list(_in(spec, "spec"))


def _in(value: Any, path: str) -> Iterator[Reference]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _in(item, f"{path}[{place}]")
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        where = f"{path}.{key}"
        if key in _FREE:
            continue
        if key in _NAMES and isinstance(inner, str):
            yield Reference(_NAMES[key], inner, where)
        elif key in _LISTS and isinstance(inner, list):
            names = [each for each in inner if isinstance(each, str)]
            yield from (Reference(_LISTS[key], name, where) for name in names)
        else:
            yield from _in(inner, where)
