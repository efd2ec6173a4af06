"""Slows the guessing of passwords down, without letting a guesser lock the owner out.

Failures count for an address and an account *together*, and for an address alone; never
for an account alone, since anybody can fail in another's name from elsewhere. An IPv6
address counts as its /64, which is the least that one customer has (RFC 6177). Each
process counts for itself: in the store, whoever guesses would keep its one writer busy.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from pgward.ca import observe
from pgward.ca.http import networks
from pgward.core.errors import DeniedError

_MAX_ENTRIES = 20_000
_LONGEST = 300.0
# An address may be a whole office behind one router: slow it down, but never much.
_LONGEST_FOR_ADDRESS = 10.0
_FORGET = 900.0


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class BackOff:
    """After ``free`` failures, waits of 1, 2, 4 … s; forgotten after 15 quiet minutes."""

    def __init__(self, free: int, longest: float = _LONGEST) -> None:
        self._free = free
        self._longest = longest
        self._entries: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait(self, key: Hashable, now: float) -> float:
        """Return how many seconds the next attempt must still wait."""
        entry = self._entries.get(key)
        if entry is None or now - entry.last > _FORGET or entry.count < self._free:
            return 0.0
        delay = min(self._longest, 2.0 ** min(entry.count - self._free, 10))
        return max(0.0, entry.last + delay - now)

    def failed(self, key: Hashable, now: float) -> None:
        """Count a failure."""
        entry = self._entries.pop(key, None) or _Failures()
        if now - entry.last > _FORGET:
            entry.count = 0
        entry.count, entry.last = entry.count + 1, now
        self._entries[key] = entry
        while len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        """Start afresh after a success."""
        self._entries.pop(key, None)

    def undo(self, key: Hashable) -> None:
        """Take one failure back, and no more: one good account must not wash many failures off."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.count = max(0, entry.count - 1)


class LoginThrottle:
    """Decides whether an attempt may be made now; ``now`` is a monotonic time in seconds.

    An attempt counts as failed from its start, so that parallel ones count too.
    """

    def __init__(self, *, per_account: int = 10, per_address: int = 50) -> None:
        self._accounts = BackOff(per_account)
        self._addresses = BackOff(per_address, _LONGEST_FOR_ADDRESS)

    def begin(self, address: str | None, account: str, now: float) -> None:
        """Count an attempt; DeniedError, with the time to wait, when it comes too soon."""
        network = networks.key(address)
        pair = (network, account.lower())
        wait = max(self._accounts.wait(pair, now), self._addresses.wait(network, now))
        if wait > 0:
            observe.event("rate_limited", limit="login")
            raise DeniedError(
                "too many failed attempts", hint=f"try again in {int(wait) + 1} seconds"
            )
        self._accounts.failed(pair, now)
        self._addresses.failed(network, now)

    def succeeded(self, address: str | None, account: str) -> None:
        """Forget the failures of this account from this address; the attempt was none."""
        network = networks.key(address)
        self._accounts.forget((network, account.lower()))
        self._addresses.undo(network)
