"""The generations of the CAs, in the store."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.engine import Connection

from pgward.ca.generations import Generation, Generations, State
from pgward.ca.records import CaName, Kind
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_authorities import authorities
from pgward.ca.store.transaction import Transaction


def read(connection: Connection) -> Generations:
    """Return all generations; none in a store that no `ca serve` of this version has opened."""
    return Generations.of(_generation(row) for row in connection.execute(sa.select(authorities)))


def recorded(connection: Connection, role: CaName) -> list[x509.Certificate]:
    """Return the certificates that were recorded of a CA when it was made, or imported."""
    columns = certificates.c
    statement = sa.select(columns.der).where(
        columns.kind == Kind.CA.value, columns.subject == role.value, columns.der.is_not(None)
    )
    return [x509.load_der_x509_certificate(der) for der in connection.execute(statement).scalars()]


def add(transaction: Transaction, made: Iterable[Generation]) -> None:
    """Store new generations."""
    rows = [_row(each) for each in made]
    transaction.execute(sa.insert(authorities), rows)
    transaction.changed()


def set_state(
    transaction: Transaction,
    name: str,
    state: State,
    *,
    now: datetime,
    crl_until: datetime | None = None,
) -> None:
    """Change a generation's state; with ``crl_until`` when it is retired."""
    is_retired = state is State.RETIRED
    values: dict[str, Any] = {
        "state": state.value,
        "retired_at": now if is_retired else None,
        "crl_until": crl_until if is_retired else None,
    }
    transaction.execute(sa.update(authorities).where(authorities.c.id == name).values(values))
    transaction.changed()


def _row(each: Generation) -> dict[str, Any]:
    return {
        "id": each.id,
        "role": each.role.value,
        "state": each.state.value,
        "certificate": each.certificate.public_bytes(Encoding.DER),
        "cross_certificates": [
            b64encode(cross.public_bytes(Encoding.DER)).decode("ascii") for cross in each.cross
        ],
        "key": each.key,
        "created_at": each.created_at,
        "retired_at": each.retired_at,
        "crl_until": each.crl_until,
    }


def _generation(row: sa.Row[Any]) -> Generation:
    return Generation(
        id=row.id,
        role=CaName(row.role),
        state=State(row.state),
        certificate=x509.load_der_x509_certificate(row.certificate),
        cross=tuple(
            x509.load_der_x509_certificate(b64decode(each)) for each in row.cross_certificates
        ),
        key=row.key,
        created_at=row.created_at,
        retired_at=row.retired_at,
        crl_until=row.crl_until,
    )
