"""Indexes of certificates that grow at one end, however many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_COMPROMISED = sa.text("reason = 'key_compromise'")
_LOGGED = sa.text("log_index IS NOT NULL")


def upgrade() -> None:
    """Apply: fingerprints and keys by their place in the log; a session's by its person's.

    What every certificate is compared with, the keys that are compromised, has an index of its own.
    """
    op.drop_index("ix_certificates_session_id", "certificates")
    for column in ("fingerprint", "key_sha256"):
        name = f"ix_certificates_{column}"
        op.drop_index(name, "certificates")
        op.create_index(
            name,
            "certificates",
            [sa.text("(log_index >> 10)"), column],
            sqlite_where=_LOGGED,
            postgresql_where=_LOGGED,
        )
    op.create_index(
        "ix_certificates_compromised",
        "certificates",
        ["key_sha256"],
        sqlite_where=_COMPROMISED,
        postgresql_where=_COMPROMISED,
    )
