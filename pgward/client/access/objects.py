"""Privileges on objects as people write them: ``table shop.public.orders:SELECT``. Pure.

A kind, the object's name, a colon, privileges. The name is ``database``, ``database.schema`` or
``database.schema.name``; a ``*`` in it stands for any letters. Names are taken as they stand, and
nothing is folded to lower case; what has other letters than a name usually has stands in double
quotes, as in SQL. ``+future`` at the end means objects, too, that are made later.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pgward.access.rights import PRIVILEGES, ObjectKind, ObjectRights
from pgward.core.errors import InvalidInputError

EXAMPLE: Final = "table shop.public.orders:SELECT"
_PARTS: Final[Mapping[ObjectKind, int]] = {
    "database": 1,
    "schema": 2,
    "table": 3,
    "sequence": 3,
    "function": 3,
}
_ALIASES: Final[Mapping[str, ObjectKind]] = {
    **{kind: kind for kind in _PARTS},
    **{f"{kind}s": kind for kind in _PARTS},
    "view": "table",
    "views": "table",
    "procedure": "function",
    "procedures": "function",
}
_SPELLINGS: Final = {"TEMP": "TEMPORARY"}
_ALL: Final = frozenset({"ALL", "ALL PRIVILEGES"})
_FUTURE: Final = "+future"
_NAME: Final = re.compile(r'"(?:[^"]|"")+"|[^\s.:,"()]+')
_PLAIN: Final = re.compile(r'[^\s.:,"()]+')
_WHOLE: Final = re.compile(
    rf"\s*(?P<kind>[A-Za-z]+)\s+(?P<name>(?:{_NAME.pattern})(?:\.(?:{_NAME.pattern}))*)"
    r"\s*:\s*(?P<privileges>[A-Za-z]+(?:[\s,]+[A-Za-z]+)*)\s*(?P<future>\+future)?\s*"
)


def read(text: str) -> ObjectRights:
    """Read what a person wrote; raise InvalidInputError, which says how it is written."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise InvalidInputError(f"{text!r} is not understood", hint=f"for example: {EXAMPLE!r}")
    kind = _kind(found["kind"])
    database, *rest = _parts(kind, found["name"])
    fields = {
        "database": database,
        "kind": kind,
        "schema": rest[0] if len(rest) > 1 else "",
        "name": rest[-1] if rest else "",
        "privileges": _privileges(kind, found["privileges"]),
        "future": found["future"] is not None,
    }
    try:
        return ObjectRights.read(fields)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{found['name']} cannot be a name", hint="a name has at most 63 bytes"
        ) from error


def write(rights: ObjectRights) -> str:
    """Return it as ``read`` takes it."""
    parts = [rights.database]
    parts += [rights.schema] if _PARTS[rights.kind] == 3 else []  # noqa: PLR2004 - all three parts
    parts += [rights.name] if rights.kind != "database" else []
    future = f" {_FUTURE}" if rights.future else ""
    name = ".".join(map(_quoted, parts))
    return f"{rights.kind} {name}:{','.join(rights.privileges)}{future}"


def told(fields: Mapping[str, Any]) -> str:
    """Return the API's privileges on an object as people write them."""
    return write(ObjectRights.read(fields))


def _kind(word: str) -> ObjectKind:
    kind = _ALIASES.get(word.lower())
    if kind is None:
        raise InvalidInputError(
            f"{word!r} is no kind of object", hint=f"one of {', '.join(PRIVILEGES)}"
        )
    return kind


def _parts(kind: ObjectKind, name: str) -> list[str]:
    parts = [_unquoted(each) for each in _NAME.findall(name)]
    if len(parts) != _PARTS[kind]:
        shape = ".".join(("DATABASE", "SCHEMA", "NAME")[: _PARTS[kind]])
        raise InvalidInputError(f"{name} is not the name of a {kind}", hint=f"write it as {shape}")
    return parts


def _privileges(kind: ObjectKind, text: str) -> list[str]:
    said = " ".join(text.upper().split())
    if said in _ALL:
        return sorted(PRIVILEGES[kind])
    words = [_SPELLINGS.get(word, word) for word in re.split(r"[\s,]+", said)]
    for word in words:
        if word not in PRIVILEGES[kind]:
            raise InvalidInputError(
                f"{word} is no privilege on a {kind}",
                hint=f"there are {', '.join(sorted(PRIVILEGES[kind]))}",
            )
    return words


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
