"""Passwords of upstream accounts that change on a schedule."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
