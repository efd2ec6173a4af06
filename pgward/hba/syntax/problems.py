"""What PostgreSQL would refuse, and where it stands."""


class BadLineError(ValueError):
    """A line that PostgreSQL refuses; ``field`` and ``token`` say where in it, from 0."""

    def __init__(self, message: str, field: int = 0, token: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.token = token
