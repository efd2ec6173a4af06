"""What ends when: the certificates of machines, for whoever wants to see it coming."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Time
from pgward.ca.store import endings

router = strict.router("certificates")
_MOST = 2_000
_BEFORE = timedelta(days=30)


class Expiry(BaseModel):
    """The last certificate of a machine, or of a server that has one by ACME, and its end."""

    kind: str
    subject: str
    not_after: Time


class Expiries(BaseModel):
    """The first to end first; ``more`` tells that there are others, later."""

    expiries: list[Expiry]
    more: bool


@router.get("/expiries", summary="List whose certificates end soon")
def every(
    context: Current, _by: Administrator, days: Annotated[int, Query(ge=1, le=400)] = 90
) -> Expiries:
    """Return whose last certificate ends within so many days, or ended in the last thirty."""
    now = context.now()
    with context.store.read() as connection:
        found = endings.of_machines(
            connection, now - _BEFORE, now + timedelta(days=days), limit=_MOST + 1
        )
    shown = [
        Expiry(kind=each.kind, subject=each.subject, not_after=each.not_after)
        for each in found[:_MOST]
    ]
    return Expiries(expiries=shown, more=len(found) > _MOST)
