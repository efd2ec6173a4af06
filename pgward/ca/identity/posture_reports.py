"""What devices say of themselves between logins, kept with the device."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pgward.ca.identity.devices import Device
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import devices

_ANEW = timedelta(hours=1)


def needs_writing(device: Device, posture: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a report says something worth a transaction."""
    if device.posture_at is None or device.posture != posture:
        return True
    return abs(now - device.posture_at) >= _ANEW  # or the clock was put right


def write(
    transaction: Transaction, device: Device, posture: Mapping[str, Any], now: datetime
) -> None:
    """Keep a report in the place of the one before."""
    values = {"posture": dict(posture), "posture_at": now}
    transaction.execute(sa.update(devices).where(devices.c.id == device.id).values(values))
