"""Verifications of the archive by the authority itself, as the store keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_auditing import archive_checks
from pgward.ca.store.transaction import Transaction
from pgward.core.errors import ConflictError

GONE_AFTER: Final = timedelta(minutes=1)
"""Without news for so long, whoever verified has ended in the middle."""
KEPT: Final = 20
"""Checks of before that are kept."""
_COLUMNS = archive_checks.c


@dataclass(frozen=True, slots=True)
class Check:
    """A verification: how far it is, and how each chain was found (``ChainCheck.to_json``).

    ``trouble`` says why it ended before it was through.
    """

    number: int
    started_at: datetime
    started_by: str
    seen_at: datetime
    ended_at: datetime | None
    trouble: str | None
    chunks: int
    lines: int
    of_lines: int
    chains: Sequence[Mapping[str, Any]]

    def runs(self, now: datetime) -> bool:
        """Tell whether somebody is still at it."""
        return self.ended_at is None and now - self.seen_at <= GONE_AFTER

    @property
    def is_whole(self) -> bool:
        """Whether it went through to the end."""
        return self.ended_at is not None and self.trouble is None

    @property
    def problems(self) -> list[Mapping[str, Any]]:
        """What is wrong, in all chains."""
        return [problem for each in self.chains for problem in each["problems"]]


def newest(connection: Connection, *, limit: int = KEPT) -> list[Check]:
    """Return checks, the newest first."""
    statement = sa.select(archive_checks).order_by(_COLUMNS.number.desc()).limit(limit)
    return [Check(**row) for row in connection.execute(statement).mappings()]


def last_whole(connection: Connection) -> Check | None:
    """Return the newest that went through to the end."""
    return next((each for each in newest(connection) if each.is_whole), None)


def begin(transaction: Transaction, by: str, of_lines: int, now: datetime) -> Check:
    """Note that one begins; raise ConflictError while another runs."""
    before = newest(transaction.connection, limit=1)
    if before and before[0].runs(now):
        raise ConflictError(
            f"{before[0].started_by} has it verified already", hint="wait until that is done"
        )
    number = before[0].number + 1 if before else 1
    check = Check(number, now, by, now, None, None, 0, 0, of_lines, [])
    values = {name: getattr(check, name) for name in check.__slots__}
    transaction.execute(sa.insert(archive_checks).values(**values))
    old = sa.delete(archive_checks).where(_COLUMNS.number <= number - KEPT)
    transaction.execute(old)
    return check


def change(transaction: Transaction, number: int, **values: Any) -> None:
    """Note how far one is."""
    changed = sa.update(archive_checks).where(_COLUMNS.number == number).values(**values)
    transaction.execute(changed)
