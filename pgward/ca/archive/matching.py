"""Whether a line is wanted: told by its bytes where they can tell, then by what it says."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.ca.archive import patterns
from pgward.ca.archive.index import Wanted
from pgward.core.clock import precise_rfc3339
from pgward.core.errors import InvalidInputError

_SEARCHED = ("text", "text_sha256", "message", "reason", "parameters", "name", "application")
_SLICE = 500  # lines that are read at once: their texts may be long


@dataclass(frozen=True, slots=True)
class Text:
    """What a record's text, message, reason, parameters, name or application must hold.

    ``contains`` is without regard to case, ``regex`` is RE2's.
    """

    contains: str | None = None
    regex: str | None = None


class Matcher:
    """Finds the lines that are wanted; they are written as `pgward.audit.chain` writes them."""

    def __init__(self, wanted: Wanted, text: Text) -> None:
        self._equal = wanted.named()
        self._since = None if wanted.since is None else precise_rfc3339(wanted.since)
        self._until = None if wanted.until is None else precise_rfc3339(wanted.until)
        self._members = [_member(name, value) for name, value in self._equal.items()]
        self._contains = None if text.contains is None else text.contains.casefold()
        self._needle = _needle(text.contains)
        self._regex = None if text.regex is None else patterns.matcher(text.regex)
        self._regex_of_many = None if text.regex is None else patterns.of_many(text.regex)

    def find(self, lines: Sequence[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the lines that are wanted, with their records."""
        for member in self._members:
            lines = [line for line in lines if member in line]
        if self._needle is not None:
            if self._needle not in b"\n".join(lines).lower():
                return
            lines = [line for line in lines if self._needle in line.lower()]
        for start in range(0, len(lines), _SLICE):
            some = lines[start : start + _SLICE]
            records: list[dict[str, Any]] = json.loads(b"[%b]" % b",".join(some))
            if self._may_say(records):
                yield from (
                    each for each in zip(some, records, strict=True) if self._wants(each[1])
                )

    def _may_say(self, records: Iterable[Mapping[str, Any]]) -> bool:
        """Tell of many records at once whether any of them may have what is looked for."""
        if self._regex_of_many is None and (self._contains is None or self._needle is not None):
            return True
        said = "\n".join(text for record in records for text in _texts(record))
        if self._contains is not None and self._contains not in said.casefold():
            return False
        return self._regex_of_many is None or self._regex_of_many(said)

    def _wants(self, record: Mapping[str, Any]) -> bool:
        if any(record.get(name) != value for name, value in self._equal.items()):
            return False
        moment = record["time"]
        if (self._since and moment < self._since) or (self._until and moment >= self._until):
            return False
        if self._contains is None and self._regex is None:
            return True
        return any(map(self._says, _texts(record)))

    def _says(self, text: str) -> bool:
        if self._contains is not None and self._contains not in text.casefold():
            return False
        return self._regex is None or self._regex(text)


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    for name in _SEARCHED:
        value = record.get(name)
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, str):
                yield each


def _member(name: str, value: str) -> bytes:
    """Return a member as it stands in each line that has it."""
    try:
        return f'"{name}":{json.dumps(value, ensure_ascii=False)}'.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{name} is not valid text") from None


def _needle(text: str | None) -> bytes | None:
    """Return what stands in each line that has a text, in lower case; None when nothing sure."""
    if not text or not text.isascii() or "\x7f" in text:  # which is written in two ways
        return None
    return json.dumps(text)[1:-1].lower().encode("ascii")
