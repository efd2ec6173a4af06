"""Searching certificates: filters that indexes answer, newest first, page by page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import shelves
from pgward.ca.store.certificates import ISSUED, PENDING, REVOKED
from pgward.ca.store.schema import certificates
from pgward.core.clock import precise_rfc3339
from pgward.core.errors import InvalidInputError

Owners = Sequence[tuple[str, Sequence[str]]]  # a kind, and names of that kind
_COLUMNS = [column for column in certificates.c if column.name != "der"]
_SHA256_DIGITS = 64
_HEX = re.compile("[0-9a-f]{1,64}")
# Profiles backdate by 10 minutes at most, so nothing that was asked for later need be looked at.
_EARLY = timedelta(hours=1)
_FEW = 10
_LAST_YEAR = 9000
_ORDER = (certificates.c.created_at.desc(), certificates.c.serial.desc())


@dataclass(frozen=True, slots=True)
class Search:
    """Which certificates: every field that is not None must match.

    ``state`` is pending, active, expired or revoked, as of ``now``.
    """

    now: datetime
    kind: str | None = None
    kinds: Sequence[str] | None = None
    subject: str | None = None
    owners: Owners | None = None
    state: str | None = None
    valid_at: datetime | None = None
    serial: str | None = None
    fingerprint: str | None = None
    key_sha256: str | None = None
    issued_after: datetime | None = None
    issued_before: datetime | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a WHERE clause."""
        columns = certificates.c
        names = ("kind", "subject", "serial")
        given = {name: getattr(self, name) for name in names}
        found = [columns[name] == value for name, value in given.items() if value is not None]
        given = {name: getattr(self, name) for name in ("fingerprint", "key_sha256")}
        found += [shelves.holds(certificates, *each) for each in given.items() if each[1]]
        if self.kinds is not None:
            found.append(columns.kind.in_(self.kinds))
        if self.owners is not None:
            found.append(sa.or_(sa.false(), *(_owned(*each) for each in self.owners)))
        if self.issued_after is not None:
            found.append(columns.created_at > self.issued_after)
        if self.issued_before is not None:
            found.append(columns.created_at < self.issued_before)
        return [*found, *self._state(), *self._validity()]

    def _state(self) -> list[sa.ColumnElement[bool]]:
        columns = certificates.c
        if self.state == "pending":
            return [columns.state == PENDING]
        if self.state == "revoked":  # the second one is what the partial index is about
            return [columns.state == REVOKED, columns.revoked_at.is_not(None)]
        if self.state == "active":
            return [columns.state == ISSUED, columns.not_after >= self.now]
        if self.state == "expired":
            return [columns.state == ISSUED, columns.not_after < self.now]
        return []

    def _validity(self) -> list[sa.ColumnElement[bool]]:
        at, columns = self.valid_at, certificates.c
        if at is None:
            return []
        return [
            columns.created_at <= at + _EARLY,
            columns.not_before <= at,
            columns.not_after >= at,
            columns.log_index.is_not(None),
            sa.or_(columns.revoked_at.is_(None), columns.revoked_at > at),
        ]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows without the certificates' bytes, and where the next page begins, if there is one."""

    rows: Sequence[sa.RowMapping]
    cursor: str | None


def page(connection: Connection, wanted: Search, *, limit: int, cursor: str | None = None) -> Page:
    """Return the newest certificates after ``cursor``, which an earlier page gave."""
    statement = sa.select(*_COLUMNS).where(*wanted.clauses()).order_by(*_ORDER).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(_after(cursor))
    rows = connection.execute(statement).mappings().all()
    more = len(rows) > limit
    return Page(rows[:limit], _cursor(rows[limit - 1]) if more else None)


def one(connection: Connection, name: str) -> sa.RowMapping | None:
    """Return a certificate's whole row by its serial number or its fingerprint (hex)."""
    by_fingerprint = shelves.holds(certificates, "fingerprint", name)
    for wanted in (certificates.c.serial == name, by_fingerprint):
        statement = sa.select(certificates).where(wanted)
        row = connection.execute(statement).mappings().first()
        if row is not None:
            return row
    return None


def at(connection: Connection, log_index: int) -> sa.RowMapping | None:
    """Return the whole row of the certificate at this place of the log."""
    statement = sa.select(certificates).where(certificates.c.log_index == log_index)
    return connection.execute(statement).mappings().first()


def plain(text: str) -> str:
    """Return hex as the store writes it, of what people copy: colons, upper case, SHA256:.

    Raises InvalidInputError.
    """
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if not _HEX.fullmatch(digits):
        raise InvalidInputError(
            f"{text!r} is no serial number or fingerprint", hint="both are hex; pgward ca list"
        )
    return digits if len(digits) == _SHA256_DIGITS else digits.lstrip("0")


def _owned(kind: str, names: Sequence[str]) -> sa.ColumnElement[bool]:
    columns = certificates.c
    if len(names) <= _FEW:
        return sa.and_(columns.kind == kind, columns.subject.in_(names))
    # All that many people ever had would have to be sorted: the newest are looked at one by one
    # until the page is full. LIKE keeps SQLite from its index; PostgreSQL reads it as equality.
    return sa.and_(columns.kind.like(kind), columns.subject.in_(names))


def _cursor(row: sa.RowMapping) -> str:
    return f"{precise_rfc3339(row['created_at'])}/{row['serial']}"


def utc(moment: datetime) -> datetime:
    """Return a time as both databases take it; InvalidInputError for one that no clock shows."""
    try:
        if moment.tzinfo is not None and moment.year < _LAST_YEAR:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidInputError(
        "that is no time with a time zone", hint="for example 2026-11-21T12:00:00Z"
    )


def _after(cursor: str) -> sa.ColumnElement[bool]:
    text, _, serial = cursor.partition("/")
    try:
        time, serial = utc(datetime.fromisoformat(text)), plain(serial)
    except (ValueError, InvalidInputError) as error:
        hint = "take the one of the page before"
        raise InvalidInputError("that is not a cursor", hint=hint) from error
    columns = certificates.c
    return sa.and_(
        columns.created_at <= time,
        sa.or_(columns.created_at < time, columns.serial < serial),
    )
