"""Rows of the table: what was wanted, what the files say, what was seen, and whether they agree.

Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pgward.hba.login.outcome import Encryption, Outcome, Seen
from pgward.hba.prove.expecting import Expected, Says
from pgward.hba.prove.paths import Path, Untried


class Status(StrEnum):
    """What a row shows."""

    OK = "ok"
    DIFFERS = "differs"
    OPEN = "open"
    """It is as the files say, and nobody asked pgward: over the network without a certificate."""
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``wanted`` and ``files`` are None where they say nothing.

    ``sqlstate`` is the code of the server's error, if it gave one.
    """

    address: str
    encryption: str
    role: str
    database: str
    shown: str
    wanted: str | None
    files: str | None
    seen: str
    status: Status
    why: str = ""
    sqlstate: str = ""

    def to_json(self) -> Mapping[str, Any]:
        """Return it as plain data."""
        return {
            "address": self.address,
            "encryption": self.encryption,
            "role": self.role,
            "database": self.database,
            "shown": self.shown,
            "wanted": self.wanted,
            "files": self.files,
            "seen": self.seen,
            "sqlstate": self.sqlstate or None,
            "status": self.status.value,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All rows; ``notes`` are what the person should know beside them."""

    version: int
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def count(self, status: Status) -> int:
        """Return how many rows have this status."""
        return sum(row.status is status for row in self.rows)

    def fails(self, *, strict: bool) -> bool:
        """Tell whether a row differs; or, strictly, was not tried or is open."""
        bad = {Status.DIFFERS} | ({Status.OPEN, Status.NOT_TRIED} if strict else set())
        return any(row.status in bad for row in self.rows)

    def to_json(self) -> Mapping[str, Any]:
        """Return it as plain data."""
        return {
            "version": self.version,
            "counts": {status.value: self.count(status) for status in Status},
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
        }


def tried(path: Path, expected: Expected, seen: Seen, *, has_plan: bool) -> Row:
    """Return the row of a path that was tried."""
    said = (seen.code, seen.detail)
    return Row(
        str(path.place),
        path.encryption.value,
        path.called,
        "(replication)" if path.database is None else path.database,
        path.what,
        _said(expected.wanted),
        _said(expected.files),
        seen.outcome.value,
        _status(path, expected, seen, has_plan=has_plan),
        "; ".join(filter(None, (" ".join(filter(None, said)), expected.files.why))),
        seen.code,
    )


def not_tried(each: Untried) -> Row:
    """Return the row of what could not be tried."""
    return Row(
        *(each.where, "", each.called, "", each.what, None, None, Outcome.NOT_TRIED.value),
        Status.NOT_TRIED,
        each.why,
    )


def authorities(
    address: str, known: Mapping[str, bytes], *, ours: Collection[bytes], asked: Collection[bytes]
) -> Row:
    """Return the row of the CAs that a server asks for, by their names in DER.

    ``known`` are those of ssl_ca_file by how they are shown; ``ours`` is empty without a plan.
    """
    strange = [each for each in asked if each not in known.values()]
    seen = [name for name, each in known.items() if each in asked]
    seen += [f"{len(strange)} that ssl_ca_file does not have"] if strange else []
    differs = set(asked) != set(known.values()) or (bool(ours) and not set(asked) <= set(ours))
    return Row(
        *(address, "TLS 1.2", "", "", "CAs that it asks for"),
        "pgward's" if ours else None,
        "; ".join(known),
        "; ".join(seen) or "none",
        Status.DIFFERS if differs else Status.OK,
        "the server has other CAs than its file: it was not reloaded, or could not read it"
        if strange or len(seen) < len(known)
        else "",
    )


def found(what: str, *, wanted: str, files: str | None, why: str, seen: str = "") -> Row:
    """Return a row of what is not as it was wanted, and no login can show."""
    return Row("", "", "", "", what, wanted, files, seen, Status.DIFFERS, why)


def _status(path: Path, expected: Expected, seen: Seen, *, has_plan: bool) -> Status:
    if seen.outcome is Outcome.NOT_TRIED:
        return Status.NOT_TRIED
    said = (expected.wanted.lets_in, expected.files.lets_in)
    differs = any(each is not None and each is not seen.let_in for each in said)
    if differs or seen.outcome is Outcome.BROKEN:
        return Status.DIFFERS
    without = path.shown is None or path.encryption is Encryption.NONE
    network = path.place.client is not None
    is_open = has_plan and seen.let_in and without and network and said[0] is None
    return Status.OPEN if is_open else Status.OK


def _said(says: Says) -> str | None:
    return {None: None, True: "in", False: "out"}[says.lets_in]
