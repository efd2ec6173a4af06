"""What a declared Secret expects of the value, which is kept elsewhere, and what is there."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.resources.durations import duration
from pgward.ca.resources.secret import Secret
from pgward.ca.store.schema_secrets import secrets


def notes(connection: Connection, declared: Secret, now: datetime) -> list[str]:
    """Return that the value is missing, or older than it may be."""
    name, most = declared.metadata.name, declared.spec.max_age
    columns = secrets.c
    made = sa.select(sa.func.coalesce(columns.rotated_at, columns.created_at, type_=_TIME))
    since = connection.execute(made.where(columns.name == name)).scalar_one_or_none()
    if since is None:
        return [f"there is no secret {name!r} yet: pgward secret create {name}"]
    if most is None or now - since <= duration(most):
        return []
    days = (now - since).days
    return [f"the value of {name!r} is {days} days old: pgward secret rotate {name}"]


_TIME = secrets.c.created_at.type
