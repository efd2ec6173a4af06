"""Records of lines, read strictly: each written as `pgward.audit.chain` writes it.

A search looks for bytes, and what is spelt in another way would be hidden from it. Many lines are
read at once into objects whose members are typed, and written again: where that gives the same
bytes, all is as it must be. Lines for which it does not are read one by one, by slower means.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from pgward.audit.chain.chunk import Part
from pgward.audit.chain.encoding import encode, encode_plainly, msgspec
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError

_SESSION: Final = (
    *("session", "edge", "user", "service"),
    *("database", "role", "client", "application"),
)
_CHECKED: Final = (*_SESSION, "status")
_TEXTS: Final = ("type", *_CHECKED, "sqlstate", "reason", "message")
_BLOCK: Final = 64
_TIME = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_FRACTION = re.compile('"\ue000([0-9.eE+-]+)\ue000"'.encode())
_decode: Any = json.loads if msgspec is None else msgspec.json.decode


class Record(Protocol):
    """What is looked at of a record; texts and numbers are None where there is none."""

    seq: int
    time: datetime
    type: str
    session: str | None
    edge: str | None
    user: str | None
    service: str | None
    database: str | None
    role: str | None
    client: str | None
    application: str | None
    status: str | None
    sqlstate: str | None
    reason: str | None
    message: str | None
    rows: int | None
    bytes: int | None


@dataclass(slots=True)
class _Record:
    """A record that was read by itself."""

    seq: int
    time: datetime
    type: str
    session: str | None = None
    edge: str | None = None
    user: str | None = None
    service: str | None = None
    database: str | None = None
    role: str | None = None
    client: str | None = None
    application: str | None = None
    status: str | None = None
    sqlstate: str | None = None
    reason: str | None = None
    message: str | None = None
    rows: int | None = None
    bytes: int | None = None


def read(part: Part) -> list[Record]:
    """Return the records of lines, one at least; raise InvalidInputError, which names the line."""
    found = _at_once(part.plain)
    if found is None:
        found, lines = [], part.plain.removesuffix(b"\n").split(b"\n")
        for start in range(0, len(lines), _BLOCK):
            some = lines[start : start + _BLOCK]
            found += _at_once(_joined(some)) or [_quickly(line) or _one(line) for line in some]
    _check_numbers([each.seq for each in found], part.first)
    return found


def _check_numbers(numbers: Sequence[int], first: int) -> None:
    expected = range(first, first + len(numbers))
    if numbers != list(expected):
        number, right = next(
            each for each in zip(numbers, expected, strict=True) if each[0] != each[1]
        )
        raise InvalidInputError(f"line {number} stands where line {right} belongs")


def _typed() -> Any:
    """Return the type of a whole record, whose members stand in the order of writing."""
    text, number = (str | None, None), (int | None, None)
    time = Annotated[datetime, msgspec.Meta(tz=True)]
    members = [
        *(("seq", int), ("id", str), ("type", str), ("time", time)),
        *((name, *text) for name in _SESSION),
        ("statement", *number),
        *((name, *text) for name in ("name", "portal", "text")),
        *(("sensitive", bool | None, None), ("text_sha256", *text)),
        *((name, *number) for name in ("text_bytes", "pieces")),
        ("of", *text),
        ("parameters", list[str | dict[str, Any] | None] | None, None),
        ("function", *number),
        *((name, *text) for name in ("denied", "rule", "reason")),
        *((name, *text) for name in ("sqlstate", "message", "failed_at", "direction")),
        ("commands", list[str] | None, None),
        *((name, *number) for name in ("rows", "bytes", "duration_us")),
        *(("status", *text), ("details", dict[str, Any] | None, None), ("hash", *text)),
    ]
    return msgspec.defstruct("Whole", members, omit_defaults=True, gc=False)


_reader: Any = None if msgspec is None else msgspec.json.Decoder(_typed())
_writer: Any = None if msgspec is None else msgspec.json.Encoder()


def _at_once(data: bytes) -> list[Record] | None:
    """Return the records of lines that are written in the usual order; None if any is not."""
    if _reader is None:
        return None
    try:
        found: list[Any] = _reader.decode_lines(data)
        if _writer.encode_lines(found) != data:
            return None
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None
    # A whole second is written without its fraction here, and with it in a record.
    return found if all([each.time.microsecond for each in found]) else None  # noqa: C419 - faster


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\n".join([*lines, b""])


def _quickly(line: bytes) -> Record | None:
    found = _at_once(_joined([line]))
    return None if found is None else found[0]


def _one(line: bytes) -> Record:
    found = _read(line)
    seq, time = found.get("seq"), found.get("time")
    if type(seq) is not int:
        raise InvalidInputError(f"{_which(line)} has no number")
    if not isinstance(time, str) or not _TIME.fullmatch(time):
        raise InvalidInputError(f"line {seq} has no time in UTC with microseconds")
    if not isinstance(found.get("type"), str):
        raise InvalidInputError(f"line {seq} has no type")
    for name in _CHECKED:
        value = found.get(name)
        if value is not None and type(value) is not str:
            raise InvalidInputError(f"{name} in line {seq} is no text")
    texts = {name: found[name] for name in _TEXTS if isinstance(found.get(name), str)}
    counts = {name: found[name] for name in ("rows", "bytes") if type(found.get(name)) is int}
    return _Record(seq, _moment(time), **counts, **texts)


def _moment(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise InvalidInputError(f"{text} is no time") from None


def _read(line: bytes) -> dict[str, Any]:
    try:
        quick = _decode(line)
        if isinstance(quick, dict) and encode(quick) == line:
            return quick
    except (ValueError, TypeError, RecursionError, OverflowError):
        pass  # where it is not at fault, the standard library reads it
    try:
        record = json.loads(line)
        if isinstance(record, dict) and (encode_plainly(record) == line or _is_written(line)):
            return record
    except (ValueError, RecursionError):
        pass
    raise InvalidInputError(f"{_which(line)} is not written as a record is")


def _is_written(line: bytes) -> bool:
    """Tell it of a line with fractions, which encoders write in several ways."""
    record = json.loads(line, parse_float=lambda text: f"\ue000{text}\ue000")
    return _FRACTION.sub(rb"\1", encode_plainly(record)) == line


def _which(line: bytes) -> str:
    return "line " + line[:40].decode("ascii", "replace").partition(",")[0].removeprefix('{"seq":')
