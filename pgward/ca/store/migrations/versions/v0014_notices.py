"""Messages about access requests that are to be sent."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
