"""Slows guessing down, without letting a guesser lock the owner out.

A *known device* has a key with which this person logged in before, and proves it (DPoP): nobody
else can pretend to be it. It has a counter of its own and is slowed by nothing else. For all other
devices failures count for

- address and account *together*, which stops the ordinary guesser;
- the address alone: one that tries many accounts;
- the account alone: one that tries from many addresses. That slows every unknown device of the
  account down, the owner's new laptop too; but no place from which the owner logged in lately.

An IPv6 address counts as its /64, which is the least that one customer has (RFC 6177). Each
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
# Some 1,440 guesses a day for the whole world; and a new device of the owner's waits no longer.
_LONGEST_FOR_ACCOUNT = 60.0
_FORGET = 900.0
_DAY = 24 * 3600.0
_HOME = 30 * _DAY  # seconds that a place of a login is remembered


class TooSoonError(DeniedError):
    """An attempt came too early, and nothing was looked at.

    It is counted, and not put on record: each would be a write, which whoever guesses could have
    the one writer busy with.
    """


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class BackOff:
    """After ``free`` failures, waits of ``first``, twice that, … s; forgotten when quiet."""

    def __init__(
        self, free: int, longest: float = _LONGEST, *, first: float = 1.0, forget: float = _FORGET
    ) -> None:
        self._free = free
        self._first = first
        self._longest = longest
        self._forget = forget
        self._entries: OrderedDict[Hashable, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def wait(self, key: Hashable, now: float) -> float:
        """Return how many seconds the next attempt must still wait."""
        entry = self._entries.get(key)
        if entry is None or now - entry.last > self._forget or entry.count < self._free:
            return 0.0
        delay = min(self._longest, self._first * 2.0 ** min(entry.count - self._free, 20))
        return max(0.0, entry.last + delay - now)

    def failed(self, key: Hashable, now: float) -> None:
        """Count a failure."""
        entry = self._entries.pop(key, None) or _Failures()
        if now - entry.last > self._forget:
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


class _Homes:
    """The places from which people logged in lately."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, place: Hashable, now: float) -> None:
        self._seen.pop(place, None)
        self._seen[place] = now
        while len(self._seen) > _MAX_ENTRIES:
            self._seen.popitem(last=False)

    def has(self, place: Hashable, now: float) -> bool:
        seen = self._seen.get(place)
        return seen is not None and now - seen < _HOME


class LoginThrottle:
    """Decides whether an attempt may be made now; ``now`` is a monotonic time in seconds.

    An attempt counts as failed from its start, so that parallel ones count too. ``device`` is the
    proved thumbprint of a device that is known for this account, and None for any other.
    ``anyone`` is for accounts that many use, as those who join do: no failures of others count.
    """

    def __init__(
        self,
        *,
        per_account: int = 10,
        per_address: int = 50,
        per_account_everywhere: int = 50,
    ) -> None:
        self._pairs = BackOff(per_account)
        self._devices = BackOff(per_account)
        self._addresses = BackOff(per_address, _LONGEST_FOR_ADDRESS)
        self._accounts = BackOff(per_account_everywhere, _LONGEST_FOR_ACCOUNT, forget=_DAY)
        self._homes = _Homes()
        self._now = 0.0

    def begin(
        self,
        address: str | None,
        account: str,
        now: float,
        *,
        device: str | None = None,
        anyone: bool = False,
    ) -> None:
        """Count an attempt; DeniedError, with the time to wait, when it comes too soon."""
        self._now = now
        counted = self._counted(address, account.lower(), device, anyone)
        _allow(max(counter.wait(key, now) for counter, key in counted), "login")
        for counter, key in counted:
            counter.failed(key, now)

    def succeeded(self, address: str | None, account: str, *, device: str | None = None) -> None:
        """Forget the failures of this account from this place; the attempt was none."""
        name, network = account.lower(), networks.key(address)
        if device is not None:
            self._devices.forget((name, device))
        else:
            self._pairs.forget((network, name))
            self._addresses.undo(network)
            self._accounts.undo(name)
        self._homes.add((network, name), self._now)

    def _counted(
        self, address: str | None, name: str, device: str | None, anyone: bool
    ) -> list[tuple[BackOff, Hashable]]:
        if device is not None:
            return [(self._devices, (name, device))]
        network = networks.key(address)
        pair = (network, name)
        counted: list[tuple[BackOff, Hashable]] = [
            (self._pairs, pair),
            (self._addresses, network),
        ]
        if not anyone and not self._homes.has(pair, self._now):
            counted.append((self._accounts, name))
        return counted


class FactorThrottle:
    """The same for codes, of which there are only a million: few tries, and long waits.

    Whoever comes here knows the password. An unknown device counts for the account alone, so that
    keys made for the purpose gain nothing; ``flow`` is one login, which ends after some tries.
    """

    def __init__(self, *, per_flow: int = 5, per_account: int = 5) -> None:
        # 5 tries, then 30 s, 1 min … 1 h: about 30 a day, of which each has a chance of 3 in 10^6.
        self._unknown = BackOff(per_account, 3600.0, first=30.0, forget=_DAY)
        self._known = BackOff(per_account, 3600.0, first=30.0, forget=_DAY)
        self._flows = BackOff(per_flow, _FORGET, first=_FORGET)

    def begin(self, account: str, flow: str, now: float, *, device: str | None = None) -> None:
        """Count an attempt; DeniedError when it comes too soon, or the flow had enough."""
        counter, key = self._counter(account, device)
        if self._flows.wait(flow, now) > 0:
            observe.event("rate_limited", limit="second_factor")
            raise TooSoonError("too many wrong codes in this login", hint="pgward login")
        _allow(counter.wait(key, now), "second_factor")
        self._flows.failed(flow, now)
        counter.failed(key, now)

    def succeeded(self, account: str, *, device: str | None = None) -> None:
        """Take the attempt back; a known device starts afresh."""
        counter, key = self._counter(account, device)
        if device is None:
            counter.undo(key)
        else:
            counter.forget(key)

    def _counter(self, account: str, device: str | None) -> tuple[BackOff, Hashable]:
        name = account.lower()
        return (self._unknown, name) if device is None else (self._known, (name, device))


def _allow(wait: float, limit: str) -> None:
    if wait > 0:
        observe.event("rate_limited", limit=limit)
        raise TooSoonError("too many failed attempts", hint=f"try again in {int(wait) + 1} seconds")
