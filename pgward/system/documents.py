"""Values as JSON and YAML documents for a person's terminal or another program."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pgward.core.clock import rfc3339
from pgward.system.safe_text import UNSAFE_IN_DATA


def written(value: Any, form: str) -> str:
    """Return ``value`` as ``json`` or ``yaml``, without a line end; times become RFC 3339."""
    return to_json(value) if form == "json" else to_yaml(value)


def to_json(value: Any) -> str:
    """Return indented JSON."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    return UNSAFE_IN_DATA.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def to_yaml(value: Any) -> str:
    """Return YAML, without a line end."""
    import yaml  # noqa: PLC0415 - a slow import that most commands do not need

    simple = plain(value)
    text: str = yaml.safe_dump(simple, sort_keys=False, allow_unicode=True)
    if UNSAFE_IN_DATA.search(text):
        text = yaml.safe_dump(simple, sort_keys=False, allow_unicode=False)
    return text.rstrip("\n")


def plain(value: Any) -> Any:
    """Return ``value`` of nothing but what both forms have; what they lack becomes text."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
