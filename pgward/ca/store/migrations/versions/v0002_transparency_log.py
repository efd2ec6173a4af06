"""The transparency log, with every certificate and revocation that the store holds already."""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from pgward.ca.store.schema import UtcTime
from pgward.pki import merkle
from pgward.pki.log_entry import CertificateEntry, RevocationEntry
from pgward.pki.merkle import CompactRange

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)
_ORDER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STRIDE = 4
_BATCH = 1000

_certificates = sa.table(
    "certificates",
    *(sa.column(name) for name in ("serial", "ca", "kind", "subject", "session_id", "state")),
    *(sa.column(name) for name in ("reason", "log_index", "fingerprint")),
    sa.column("der", sa.LargeBinary),
    sa.column("created_at", UtcTime),
    sa.column("revoked_at", UtcTime),
)
_tree = sa.table("log_tree", *(sa.column(name) for name in ("id", "size", "subtrees")))
_leaves = sa.table(
    "log_leaves", *(sa.column(name) for name in ("log_index", "type", "serial", "hash", "body"))
)
_nodes = sa.table("log_nodes", *(sa.column(name) for name in ("level", "position", "hash")))


def upgrade() -> None:
    """Apply."""
    _create_tables()
    op.add_column("certificates", sa.Column("client", sa.String(length=1024), nullable=True))
    op.add_column("certificates", sa.Column("log_index", sa.BigInteger(), nullable=True))
    op.add_column("certificates", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    _append_all(op.get_bind())
    op.create_index("ix_certificates_log_index", "certificates", ["log_index"], unique=True)
    op.create_index("ix_certificates_fingerprint", "certificates", ["fingerprint"])
    op.create_index("ix_certificates_key_sha256", "certificates", ["key_sha256"])
    op.create_index("ix_certificates_created_at", "certificates", ["created_at", "serial"])
    op.drop_index("ix_certificates_kind_subject", "certificates")
    op.create_index(
        "ix_certificates_kind_subject",
        "certificates",
        ["kind", "subject", "created_at", "serial"],
    )
    op.create_index(
        "ix_certificates_revoked",
        "certificates",
        ["created_at", "serial"],
        sqlite_where=sa.text("revoked_at IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )


def _create_tables() -> None:
    op.create_table(
        "log_tree",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("subtrees", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_tree"),
    )
    op.create_table(
        "log_leaves",
        sa.Column("log_index", _ORDER, autoincrement=False, nullable=False),
        sa.Column("type", sa.SmallInteger(), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("log_index", name="pk_log_leaves"),
    )
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name="pk_log_nodes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_heads",
        sa.Column("number", _ORDER, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signed_at", _TIME, nullable=False),
        sa.Column("log_id", sa.String(length=64), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_log_heads"),
    )
    op.create_index("ix_log_heads_size", "log_heads", ["size"])


def _append_all(connection: Connection) -> None:
    """Append what was issued in the order of its time, then what was revoked."""
    tree = CompactRange()
    for rows in _batches(connection, _certificates.c.created_at, _certificates.c.der.is_not(None)):
        first = tree.size
        _append(connection, tree, [(1, row, _certificate(row), None) for row in rows])
        changes = [
            {"key": row.serial, "at": at, "print": hashlib.sha256(row.der).hexdigest()}
            for at, row in enumerate(rows, first)
        ]
        connection.execute(
            sa.update(_certificates)
            .where(_certificates.c.serial == sa.bindparam("key"))
            .values(log_index=sa.bindparam("at"), fingerprint=sa.bindparam("print")),
            changes,
        )
    for rows in _batches(
        connection, _certificates.c.revoked_at, _certificates.c.revoked_at.is_not(None)
    ):
        bodies = [_revocation(row) for row in rows]
        made = [(2, row, body, body) for row, body in zip(rows, bodies, strict=True)]
        _append(connection, tree, made)
    state = {"id": 1, "size": tree.size, "subtrees": tree.pack()}
    connection.execute(sa.insert(_tree), [state])


def _batches(
    connection: Connection, order: sa.ColumnElement[Any], wanted: sa.ColumnElement[bool]
) -> Iterator[list[Any]]:
    serials = sa.select(_certificates.c.serial).where(wanted).order_by(order, "serial")
    found = list(connection.execute(serials).scalars())
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        statement = sa.select(_certificates).where(_certificates.c.serial.in_(batch))
        rows = {row.serial: row for row in connection.execute(statement)}
        yield [rows[serial] for serial in batch]


def _append(connection: Connection, tree: CompactRange, made: list[Any]) -> None:
    leaves, nodes = [], []
    for kind, row, encoded, body in made:
        at, digest = tree.size, merkle.leaf_hash(encoded)
        leaf = {"log_index": at, "type": kind, "serial": row.serial, "hash": digest, "body": body}
        leaves.append(leaf)
        nodes += [
            {"level": node.level, "position": node.position, "hash": value}
            for node, value in tree.append(digest)
            if node.level % _STRIDE == 0
        ]
    connection.execute(sa.insert(_leaves), leaves)
    if nodes:
        connection.execute(sa.insert(_nodes), nodes)


def _certificate(row: Any) -> bytes:
    return CertificateEntry(
        time=row.created_at,
        ca=row.ca,
        kind=row.kind,
        subject=row.subject,
        der=row.der,
        session=row.session_id or "",
    ).encode()


def _revocation(row: Any) -> bytes:
    return RevocationEntry(row.revoked_at, row.ca, row.serial, row.reason or "").encode()
