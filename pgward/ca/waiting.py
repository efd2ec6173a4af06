"""Connections whose peer has still to say something: each costs memory, so they are bounded."""

from collections.abc import Callable, Hashable


class Waiting:
    """Holds them in the order in which they began to wait; above ``most`` the oldest goes.

    So a peer that says what it wants is in time, however many others say nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._drops: dict[Hashable, Callable[[], object]] = {}

    def __len__(self) -> int:
        return len(self._drops)

    def enter(self, connection: Hashable, drop: Callable[[], object]) -> None:
        """Let it wait, or go on waiting; ``drop`` ends it, and must not raise."""
        self._drops[connection] = drop
        if len(self._drops) > self._most:
            self.drop_oldest()

    def leave(self, connection: Hashable) -> None:
        """Its peer has spoken, or it has ended."""
        self._drops.pop(connection, None)

    def drop_oldest(self) -> None:
        """End the connection that has waited longest, if there is one."""
        connection = next(iter(self._drops), None)
        if connection is not None:
            self._drops.pop(connection)()
