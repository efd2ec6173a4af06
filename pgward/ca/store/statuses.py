"""What the store knows of single certificates, as OCSP asks."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from pgward.ca.store.certificates import ISSUED, REVOKED
from pgward.ca.store.database import Store
from pgward.ca.store.schema import certificates
from pgward.pki.ocsp import Good, NotIssued, Revoked, Status

_MAX_BITS = 159  # of a serial number (RFC 5280 section 4.1.2.2)


class SqlStatuses:
    """Looks certificates up by their CA and serial number."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, ca: str, serials: Iterable[int]) -> Mapping[int, Status]:
        """Return the status of each serial number under one CA.

        One that is reserved and not yet signed counts as never issued: nobody can hold it.
        """
        wanted = {f"{each:x}": each for each in serials if 0 < each < 1 << _MAX_BITS}
        columns = certificates.c
        statement = sa.select(
            columns.serial, columns.state, columns.revoked_at, columns.reason
        ).where(columns.ca == ca, columns.serial.in_(wanted))
        with self._store.read() as connection:
            rows = connection.execute(statement).all()
        found = {wanted[row.serial]: _status(row) for row in rows}
        return {each: found.get(each, NotIssued()) for each in serials}


def _status(row: Any) -> Status:
    if row.state == REVOKED:
        return Revoked(row.revoked_at, x509.ReasonFlags[row.reason])
    return Good() if row.state == ISSUED else NotIssued()
