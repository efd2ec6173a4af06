"""What people have at a service by grants, for a time: as a snapshot tells it. Pure.

A grant counts until its end by the CA's clock, whatever the snapshot says later or does not say.
A service's grants come packed, so that those which did not change are not read again.
"""

import json
import zlib
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

MOST_BYTES = 64 * 1024 * 1024
"""Of one service's grants, unpacked: some 500,000."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a person has at a service by grants at a time; nothing where ``until`` is None.

    ``role`` is the access role, where the service has an integration. ``names`` are the bundles and
    roles that were granted. ``until`` is the end of the last grant, and ``next_end`` that of the
    first: then there is less, or nothing.
    """

    role: str | None = None
    names: tuple[str, ...] = ()
    until: datetime | None = None
    next_end: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether there is any grant, if only to enter."""
        return self.until is not None

    def gives_as(self, other: Self) -> bool:
        """Tell whether it is the same as another, but for its end."""
        return (self.role, self.names) == (other.role, other.names)


NOTHING = Granted()


class Grants:
    """One service's, by person; equal to others that are packed alike."""

    __slots__ = ("_packed", "_people")

    def __init__(self, packed: str, people: Mapping[str, Any]) -> None:
        self._packed = packed
        self._people = people

    @classmethod
    def read(cls, packed: object) -> Self:
        """Read what the CA has packed; raise ValueError.

        That is base64 of zlib's of JSON: by person ``role``, and in ``live`` each grant's end in
        seconds since 1970, with its names.
        """
        if not isinstance(packed, str):
            raise TypeError(f"{type(packed).__name__} is no packed text")
        return cls(packed, _checked(_unpacked(packed)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grants) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._packed)

    def __len__(self) -> int:
        return len(self._people)

    def is_packed_as(self, packed: object) -> bool:
        """Tell whether reading this would give the same."""
        return self._packed == packed

    def of(self, user: str, at: datetime) -> Granted:
        """Return what a person has at a time of the CA."""
        found = self._people.get(user)
        if found is None:
            return NOTHING
        now = at.timestamp()
        live = [(end, names) for end, names in found["live"] if now < end]
        if not live:
            return NOTHING
        ends = [end for end, _ in live]
        return Granted(
            role=found["role"],
            names=tuple(sorted({name for _, names in live for name in names})),
            until=datetime.fromtimestamp(max(ends), UTC),
            next_end=datetime.fromtimestamp(min(ends), UTC),
        )


NO_GRANTS = Grants("", {})


def _unpacked(packed: str) -> Any:
    data = zlib.decompressobj()
    try:
        text = data.decompress(b64decode(packed, validate=True), MOST_BYTES)
    except (Error, zlib.error) as error:
        raise ValueError(f"the grants of a service cannot be unpacked: {error}") from error
    if not data.eof:
        raise ValueError("the grants of a service are cut off, or too many")
    return json.loads(text)


def _checked(people: Any) -> Mapping[str, Any]:
    """Return them if they are as they should be; raise KeyError, TypeError or ValueError.

    They are looked at here, and turned into objects one by one as they are asked for.
    """
    for each in people.values():
        role = each["role"]
        if role is not None and not isinstance(role, str):
            raise TypeError("that is no role")
        for end, names in each["live"]:
            if not isinstance(end, int) or not all(isinstance(name, str) for name in names):
                raise TypeError("that is no grant")
    found: Mapping[str, Any] = people
    return found
