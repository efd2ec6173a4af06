"""Every version of every resource."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
