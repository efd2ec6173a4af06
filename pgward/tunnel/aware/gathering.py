"""Large statements that are held back until they can be ruled whole, within bounds."""

from typing import Final

from pgward.audit.tape.frames import MOST_WHOLE

MOST_GATHERED: Final = 1024 * 1024
"""Larger messages are ruled by their beginning."""


class Room:
    """Bytes that the sessions of a process may hold back, all together."""

    def __init__(self, size: int) -> None:
        self.left = size


ROOM: Final = Room(64 * 1024 * 1024)


class Gathering:
    """How much of a session's next message must be here before anything is done about it."""

    __slots__ = ("_room", "_taken")

    def __init__(self, room: Room = ROOM) -> None:
        self._room = room
        self._taken = 0

    def wanted(self, total: int) -> int:
        """Return how much of a large message is waited for: all if there is room for that."""
        if self._taken:
            return self._taken
        if total > min(MOST_GATHERED, self._room.left):
            return MOST_WHOLE
        self._room.left -= total
        self._taken = total
        return total

    def done(self) -> None:
        """Take that nothing is held back any more."""
        self._room.left += self._taken
        self._taken = 0
