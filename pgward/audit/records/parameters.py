"""Values of parameters as text, by their types and formats.

Binary forms are those of the types' ``*_recv`` functions in PostgreSQL's sources (src/backend/
utils/adt); texts are what PostgreSQL itself would print, with ISO dates. A value that its type
does not explain is shown in hex.
"""

import hashlib
import struct
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pgward.audit.records.binary import BINARY
from pgward.audit.records.texts import decoded
from pgward.audit.redact import redact_value, suspicious

HIDDEN = "***"
Told = dict[str, Any]  # a large value, by "bytes" and "sha256"
Value = str | Told | None
Given = bytes | Told | None
_ONE = struct.Struct("!HHi")  # no format, one value, its size
_UINT16, _INT32 = struct.Struct("!H"), struct.Struct("!i")
_MOST_GROWTH, _MOST_TEXT = 8, 1024  # letters a byte, and besides
_SHORT = 7  # bytes, too few for a secret and its name
MOST = 8192
"""Values of more bytes than this are told by their size and SHA-256."""


def parameters(
    values: Sequence[Given],
    formats: Sequence[int],
    types: Sequence[int],
    secret: AbstractSet[int],
) -> list[Value]:
    """Return the values of a Bind or FunctionCall; ``secret`` are numbers, from 1, to hide."""
    if not values:
        return []
    count = len(values)
    all_formats = formats if len(formats) == count else (formats[0] if formats else 0,) * count
    all_types = (*types, *(0,) * (count - len(types)))
    found = list(map(value, values, all_formats, all_types))
    for number in secret:
        if number <= count:
            found[number - 1] = HIDDEN
    return found


def value(data: Given, form: int, oid: int) -> Value:
    """Return one value: a text, None for NULL, size and hash of a large one."""
    if not isinstance(data, bytes):
        return data
    if len(data) > MOST:
        return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if form:
        return binary(data, oid)
    if len(data) > _SHORT and suspicious(data):
        data = redact_value(data)
    return data.decode("utf-8", "backslashreplace")


def binary(data: bytes, oid: int) -> str:
    """Return a value in binary form as text; in hex, if its type does not explain it."""
    reader = BINARY.get(oid)
    if reader is not None:
        try:
            text = reader(data)
            if len(text) <= _MOST_GROWTH * len(data) + _MOST_TEXT:
                return text
        except (ValueError, ArithmeticError, struct.error, RecursionError):
            pass
    return "\\x" + data.hex()


def read_bind(body: bytes) -> tuple[str, str, tuple[int, ...], list[Given]]:
    """Return names of portal and statement, formats and values of a Bind.

    As ``frontend.read_bind``, at a third of its cost; ValueError or struct.error where it is cut.
    """
    portal, statement, rest = body.split(b"\0", 2)
    if len(rest) >= _ONE.size:
        formats_given, count, size = _ONE.unpack_from(rest)
        end = _ONE.size + size
        if count == 1 and not formats_given and _ONE.size <= end <= len(rest):  # the most usual
            return decoded(portal), decoded(statement), (), [rest[_ONE.size : end]]
    (count,) = _UINT16.unpack_from(rest)
    at = 2 + 2 * count
    formats = struct.unpack_from(f"!{count}H", rest, 2) if count else ()
    (count,) = _UINT16.unpack_from(rest, at)
    at += 2
    values: list[Given] = []
    for _ in range(count):
        (size,) = _INT32.unpack_from(rest, at)
        at += 4
        if size < 0:
            values.append(None)
            continue
        values.append(rest[at : at + size])
        at += size
    if at > len(rest):
        raise ValueError(body)
    return decoded(portal), decoded(statement), formats, values
