"""Records that are JSON already, as they are made of what nearly all traffic consists of.

To make a dict of each and JSON of that would cost more than all else that is done with it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]


class About(NamedTuple):
    """Whom a record is about, as a chunk's manifest lists it; one for all records of a session."""

    user: str | None
    service: str | None
    session: str | None


Written = tuple[bytes, int, About]
"""The JSON that ``encode`` makes of the record, its time in microseconds, and whom it is about.

A plain tuple, as it costs a quarter of one with names.
"""


UNKNOWN = (b"", About(None, None, None))


def record_in(written: Written) -> dict[str, Any]:
    """Return the record that was written."""
    found = json.loads(written[0])
    assert isinstance(found, dict)  # noqa: S101 - that is what is written
    return found


def id_of(record: Record | Written) -> str:
    """Return a record's id."""
    return str((record_in(record) if isinstance(record, tuple) else record)["id"])
