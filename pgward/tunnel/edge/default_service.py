"""The service of clients that name none, as an edge was started: whether there is one. Pure."""

from collections.abc import Collection
from difflib import get_close_matches


class DefaultService:
    """Tells, once while it is so, that nobody can be led there."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._is_told = False

    def problem(self, services: Collection[str]) -> str | None:
        """Return what is to be said of it, as this edge serves these now."""
        name = self._name
        if name is None or name in services:
            self._is_told = False
            return None
        if self._is_told:
            return None
        self._is_told = True
        near = get_close_matches(name, services, n=1)
        asked = f"did you mean {near[0]}?" if near else "clients that name none are refused"
        return f"--default-service: no service {name!r} is served here; {asked}"
