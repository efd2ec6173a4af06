"""Access requests, what people decided about them, and grants."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
