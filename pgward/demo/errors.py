"""The demo's one error."""

from pgward.core.errors import PgwardError


class DemoError(PgwardError):
    """A step did not do, or did not show, what it should."""
