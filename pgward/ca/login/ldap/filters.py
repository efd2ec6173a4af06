"""Search filters as text (RFC 4515) with places for values, encoded as LDAP carries them.

The text is an administrator's, and taken apart first; ``{user}`` and ``{dn}`` are filled in after
that, in the parts that are values. So whatever a person types as their name, it stays a value.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pgward.ca.login.ldap import ber
from pgward.core.errors import InvalidInputError

_AND, _OR, _NOT, _EQUAL, _SUBSTRINGS = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4
_PRESENT, _EXTENSIBLE = 0x87, 0xA9
_COMPARISONS = {">": 0xA5, "<": 0xA6, "~": 0xA8}
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_RULE, _TYPE, _VALUE, _DN_ATTRIBUTES = 0x81, 0x82, 0x83, 0x84
_MOST, _DEEPEST = 4000, 20
_OF_ALL = "objectClass"
_DESCRIPTION = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*")
_RULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+")
_PIECE = re.compile(r"\\([0-9A-Fa-f]{2})|\{(\w+)\}|(\*)|([^\\{}*()\0]+)")


@dataclass(frozen=True, slots=True)
class _Value:
    """Bytes, and names of what is to be filled in, in their order."""

    pieces: tuple[bytes | str, ...]

    def fill(self, values: Mapping[str, str]) -> bytes:
        return b"".join(
            values[piece].encode() if isinstance(piece, str) else piece for piece in self.pieces
        )

    @property
    def has_places(self) -> bool:
        return any(isinstance(piece, str) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Node:
    """One filter: either filters inside, or an attribute and a value."""

    tag: int
    inside: tuple["_Node", ...] = ()
    attribute: str = ""
    value: tuple[_Value, ...] = ()
    rule: str = ""
    dn_attributes: bool = False

    def encode(self, values: Mapping[str, str]) -> bytes:
        if self.inside:
            return ber.value(self.tag, *(each.encode(values) for each in self.inside))
        if self.tag == _PRESENT:
            return ber.string(self.attribute, _PRESENT)
        if self.tag == _SUBSTRINGS:
            return self._substrings(values)
        if self.tag == _EXTENSIBLE:
            return self._extensible(values)
        return ber.value(
            self.tag, ber.string(self.attribute), ber.string(self.value[0].fill(values))
        )

    def for_anyone(self, negated: bool = False) -> "_Node":
        """Return the filter as it is for whatever value would suit; inside of a ``!`` as well."""
        if self.inside:
            turned = negated != (self.tag == _NOT)
            return replace(self, inside=tuple(each.for_anyone(turned) for each in self.inside))
        if not any(each.has_places for each in self.value):
            return self
        if negated:
            return _Node(_NOT, inside=(_Node(_PRESENT, attribute=_OF_ALL),))
        return _Node(_PRESENT, attribute=self.attribute or _OF_ALL)

    def _substrings(self, values: Mapping[str, str]) -> bytes:
        last = len(self.value) - 1
        found = []
        for at, each in enumerate(self.value):
            if each.pieces:
                kind = _INITIAL if at == 0 else _FINAL if at == last else _ANY
                found.append(ber.string(each.fill(values), kind))
        return ber.value(_SUBSTRINGS, ber.string(self.attribute), ber.value(ber.SEQUENCE, *found))

    def _extensible(self, values: Mapping[str, str]) -> bytes:
        parts = [ber.string(self.rule, _RULE)] if self.rule else []
        if self.attribute:
            parts.append(ber.string(self.attribute, _TYPE))
        parts.append(ber.string(self.value[0].fill(values), _VALUE))
        if self.dn_attributes:
            parts.append(ber.boolean(True, _DN_ATTRIBUTES))
        return ber.value(_EXTENSIBLE, *parts)


class Filter:
    """A filter that was read; raises InvalidInputError for text that is none.

    ``places`` are the names that may stand in braces.
    """

    def __init__(self, text: str, places: Collection[str] = ()) -> None:
        self._text = text
        self._places = places
        self._at = 0
        if len(text) > _MOST:
            raise self._error("is too long")
        self._root = self._filter(0)
        if self._at != len(text):
            raise self._error("goes on after its end")

    def encode(self, **values: str) -> bytes:
        """Return the filter with these values in their places."""
        return self._root.encode(values)

    def encode_for(self, attribute: str, value: bytes) -> bytes:
        """Return the filter for entries with this value, where any name suits in the places.

        So all else that it says holds of them.
        """
        whose = ber.value(_EQUAL, ber.string(attribute), ber.string(value))
        return ber.value(_AND, whose, self._root.for_anyone().encode({}))

    @property
    def uses(self) -> set[str]:
        """The places that there are in it."""
        return {match[2] for match in _PIECE.finditer(self._text) if match[2]}

    def _filter(self, depth: int) -> _Node:
        if depth > _DEEPEST:
            raise self._error("is nested too deeply")
        self._take("(")
        first = self._text[self._at : self._at + 1]
        if first in ("&", "|", "!") and first:
            self._at += 1
            node = self._several({"&": _AND, "|": _OR, "!": _NOT}[first], depth)
        else:
            node = self._item()
        self._take(")")
        return node

    def _several(self, tag: int, depth: int) -> _Node:
        inside = []
        while self._text.startswith("(", self._at):
            inside.append(self._filter(depth + 1))
        if not inside or (tag == _NOT and len(inside) > 1):
            raise self._error("has an operator without filters after it, or a ! with several")
        return _Node(tag, tuple(inside))

    def _item(self) -> _Node:
        end = self._text.find("=", self._at)
        if end < 0:
            raise self._error("lacks a =")
        left, self._at = self._text[self._at : end], end + 1
        value = self._value()
        if left.endswith(":"):
            return self._extensible(left[:-1], value)
        tag = _COMPARISONS.get(left[-1:], _EQUAL)
        attribute = self._named(left[:-1] if tag != _EQUAL else left, _DESCRIPTION)
        if len(value) == 1:
            return _Node(tag, attribute=attribute, value=value)
        if tag != _EQUAL:
            raise self._error("compares with a *")
        if not any(each.pieces for each in value):
            return _Node(_PRESENT, attribute=attribute)
        return _Node(_SUBSTRINGS, attribute=attribute, value=value)

    def _extensible(self, left: str, value: tuple[_Value, ...]) -> _Node:
        attribute, *rest = left.split(":")
        dn_attributes = rest[:1] in (["dn"], ["DN"])
        rule = rest[1:] if dn_attributes else rest
        if len(value) > 1 or len(rule) > 1 or not (attribute or rule):
            raise self._error("has a matching rule that cannot be read")
        return _Node(
            _EXTENSIBLE,
            attribute=self._named(attribute, _DESCRIPTION) if attribute else "",
            value=value,
            rule=self._named(rule[0], _RULE_NAME) if rule else "",
            dn_attributes=dn_attributes,
        )

    def _value(self) -> tuple[_Value, ...]:
        """Read up to the closing bracket; a star begins the next of several values."""
        found: list[list[bytes | str]] = [[]]
        while not self._text.startswith(")", self._at):
            match = _PIECE.match(self._text, self._at)
            if match is None:
                raise self._error("has a value that cannot be read")
            self._at = match.end()
            if match[3]:
                found.append([])
            else:
                found[-1].append(self._piece(match))
        return tuple(_Value(tuple(each)) for each in found)

    def _piece(self, match: re.Match[str]) -> bytes | str:
        if match[1]:
            return bytes((int(match[1], 16),))
        if match[2] is None:
            return match[4].encode()
        if match[2] not in self._places:
            known = " or ".join(f"{{{each}}}" for each in self._places) or "nothing in braces"
            raise self._error(f"has {{{match[2]}}}, where there is {known}")
        return match[2]

    def _named(self, text: str, pattern: re.Pattern[str]) -> str:
        if not pattern.fullmatch(text):
            raise self._error(f"has {text[:80]!r} where an attribute's name must be")
        return text

    def _take(self, letter: str) -> None:
        if not self._text.startswith(letter, self._at):
            raise self._error(f"lacks a {letter}")
        self._at += 1

    def _error(self, what: str) -> InvalidInputError:
        where = f" (at letter {self._at + 1})" if self._at else ""
        return InvalidInputError(
            f"the LDAP filter {what}{where}", hint="for example (&(objectClass=person)(uid={user}))"
        )
