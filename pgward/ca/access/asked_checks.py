"""Whether a connector can work its server: asked of it when somebody wants to know.

The connector connects, and looks; nothing is changed there. It is told the question with what it
waits for, for as long as somebody may still want the answer.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_access import integration_checks

OPEN: Final = timedelta(minutes=2)
"""So long a connector is asked."""
FRESH: Final = timedelta(seconds=10)
"""A question that is no older is asked for whoever wants to know now, too."""
KEPT: Final = timedelta(days=30)
_NUMBER_BYTES = 8
_CHECKS = integration_checks.c


@dataclass(frozen=True, slots=True)
class AskedCheck:
    """A question, and what the connector found, if it has answered."""

    integration: str
    number: str
    asked_at: datetime
    asked_by: str
    answered_at: datetime | None = None
    findings: Sequence[Mapping[str, Any]] | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether its connector is asked still."""
        return self.answered_at is None and abs(now - self.asked_at) < OPEN


def ask(transaction: Transaction, integration: str, *, now: datetime, by: str) -> AskedCheck:
    """Have an integration's connector asked, unless it was just now."""
    known = find(transaction.connection, integration)
    if known is not None and known.is_open(now) and abs(now - known.asked_at) < FRESH:
        return known
    gone = (_CHECKS.integration == integration) | (_CHECKS.asked_at < now - KEPT)
    transaction.execute(sa.delete(integration_checks).where(gone))
    made = AskedCheck(integration, secrets.token_hex(_NUMBER_BYTES), now, by)
    transaction.execute(sa.insert(integration_checks).values(asdict(made)))
    transaction.granted()  # the connector hears of it, and edges have nothing to do
    return made


def find(connection: Connection, integration: str) -> AskedCheck | None:
    """Return what was asked last about an integration, or None."""
    statement = sa.select(integration_checks).where(_CHECKS.integration == integration)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else AskedCheck(**row)


def number(connection: Connection, integration: str, now: datetime) -> str | None:
    """Return the number of the question that a connector is asked about an integration now."""
    found = find(connection, integration)
    return None if found is None or not found.is_open(now) else found.number


def numbers(connection: Connection, now: datetime) -> set[tuple[str, str]]:
    """Return all questions that connectors are asked now: integrations, and their numbers."""
    statement = sa.select(_CHECKS.integration, _CHECKS.number).where(
        _CHECKS.answered_at.is_(None), _CHECKS.asked_at > now - OPEN
    )
    return {(row.integration, row.number) for row in connection.execute(statement)}


def answer(
    transaction: Transaction,
    integration: str,
    asked: str,
    findings: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
) -> bool:
    """Keep what was found; tell whether anybody asked: what comes late or twice is lost."""
    waits = (
        (_CHECKS.integration == integration)
        & (_CHECKS.number == asked)
        & _CHECKS.answered_at.is_(None)
    )
    statement = sa.update(integration_checks).where(waits)
    values = {"answered_at": now, "findings": [dict(each) for each in findings]}
    done = transaction.execute(statement.values(values))
    if done.rowcount:
        transaction.granted()  # whoever waits for it hears of it
    return bool(done.rowcount)


def forget(transaction: Transaction, integration: str) -> None:
    """Forget what was asked about an integration that is gone."""
    transaction.execute(sa.delete(integration_checks).where(_CHECKS.integration == integration))
