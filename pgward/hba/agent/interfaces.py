"""What several duties work with, named for what it does."""

from typing import Any, Protocol


class Events(Protocol):
    """Keeps audit events until the CA has them."""

    def append(self, event: dict[str, Any]) -> None:
        """Keep one."""
        ...
