"""The log's entries, made from what the store holds: the same bytes every time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pgward.ca.store.log import LogEntry
from pgward.pki.log_entry import CertificateEntry, EntryType, RevocationEntry

Row = sa.RowMapping | Mapping[str, Any]


def certificate(row: Row, der: bytes) -> LogEntry:
    """Return the entry of a certificate; ``row`` is its reserved row of ``certificates``."""
    entry = CertificateEntry(
        time=row["created_at"],
        ca=row["ca"],
        kind=row["kind"],
        subject=row["subject"],
        der=der,
        session=row["session_id"] or "",
        client=row["client"] or "",
    )
    return LogEntry(EntryType.CERTIFICATE, row["serial"], entry.encode())


def revocation(serial: str, ca: str, now: datetime, reason: str) -> LogEntry:
    """Return the entry of a revocation; its bytes are kept, for a reason may change later."""
    encoded = RevocationEntry(now, ca, serial, reason).encode()
    return LogEntry(EntryType.REVOCATION, serial, encoded, keeps_body=True)
