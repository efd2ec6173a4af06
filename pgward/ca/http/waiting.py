"""Connections whose peer has still to say something: each costs memory, so they are bounded."""

from collections.abc import Callable, Hashable


class Waiting:
    """Holds them in the order in which they began to wait; above ``most`` one of them goes.

    It is the oldest of the address that has most of them. So a peer that says what it wants is in
    time, however many others say nothing, and many connections from one place cost that place.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._address: dict[Hashable, Hashable] = {}
        self._drops: dict[Hashable, dict[Hashable, Callable[[], object]]] = {}
        # Addresses by how many connections they have, so that finding the largest takes no search.
        self._by_size: dict[int, dict[Hashable, None]] = {}
        self._largest = 0

    def __len__(self) -> int:
        return len(self._address)

    def enter(
        self, connection: Hashable, drop: Callable[[], object], address: Hashable = None
    ) -> None:
        """Let it wait, or go on waiting; ``drop`` ends it, and must not raise."""
        if connection in self._address and self._address[connection] != address:
            self.leave(connection)
        drops = self._drops.setdefault(address, {})
        before = len(drops)
        drops[connection] = drop
        self._address[connection] = address
        self._resize(address, before, len(drops))
        if len(self._address) > self._most:
            self.drop_oldest()

    def leave(self, connection: Hashable) -> None:
        """Its peer has spoken, or it has ended."""
        if connection in self._address:
            self._take(connection)

    def drop_oldest(self) -> None:
        """End the connection that has waited longest, of the address that has most of them."""
        if self._address:
            address = next(iter(self._by_size[self._largest]))
            self._take(next(iter(self._drops[address])))()

    def _take(self, connection: Hashable) -> Callable[[], object]:
        address = self._address.pop(connection)
        drops = self._drops[address]
        drop = drops.pop(connection)
        self._resize(address, len(drops) + 1, len(drops))
        if not drops:
            del self._drops[address]
        return drop

    def _resize(self, address: Hashable, before: int, after: int) -> None:
        if before == after:
            return
        if before:
            del self._by_size[before][address]
            if not self._by_size[before]:
                del self._by_size[before]
        if after:
            self._by_size.setdefault(after, {})[address] = None
        if after > self._largest or self._largest not in self._by_size:
            self._largest = after
