"""The edges' configuration as it is now: read once for each version, in parts or whole."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pgward.ca import snapshot_builder
from pgward.ca.snapshot_builder import Signing, State
from pgward.ca.snapshot_grants import GrantBook
from pgward.ca.snapshot_views import Served, View
from pgward.ca.store import Store
from pgward.ca.store.transaction import versions
from pgward.core.clock import Clock

# A cached snapshot is signed afresh before its signer's certificate comes near its end.
_RESIGN_AFTER = timedelta(hours=6)
# Some of it changes with the time: with a new version, all of it is read so often.
_READ_ALL_AFTER = timedelta(seconds=30)
_FORGET_AFTER = timedelta(minutes=10)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """A signed snapshot, and the parts that an edge lacks, by digest; none where it is whole."""

    snapshot: str
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class News:
    """What there is for an edge that knows a ``tag``: of which version it is, whether it is other.

    It is urgent where somebody may have less than before.
    """

    version: int
    is_other: bool
    is_urgent: bool


class Snapshots:
    """Reads, builds and signs; safe to call from any thread."""

    def __init__(
        self,
        store: Store,
        signing: Signing,
        clock: Clock,
        recipient: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._recipient = recipient
        self._store = store
        self._signing = signing
        self._clock = clock
        self._lock = threading.Lock()
        self._grants = GrantBook()
        self._state: State | None = None
        self._read_at = self._read_all_at = _NEVER
        self._wholes: dict[str, tuple[State, str]] = {}
        self._signed: dict[str, tuple[State, str]] = {}
        self._views: dict[tuple[str, ...], View] = {}
        self._used_at: dict[tuple[str, ...], datetime] = {}
        self._served: dict[str, tuple[Any, tuple[str, ...]]] = {}

    def get(self, edge: str, version: int) -> str:
        """Return a whole snapshot of at least ``version``, signed; blocks."""
        with self._lock:
            state = self._current(version)

            def payload() -> dict[str, Any]:
                return snapshot_builder.build(state, edge, now=self._clock.now())

            return self._sign(self._wholes, edge, state, payload)

    def news(self, edge: str, version: int, after: int, tag: str) -> News:
        """Return what there is in at least ``version`` for who has a ``tag``; blocks."""
        with self._lock:
            state = self._current(version)
            view = self._view(edge, state)
            return News(state.version, view.tag(edge) != tag, view.is_urgent(after))

    def tell(self, edge: str, version: int, after: int, tag: str) -> Told:
        """Return the signed list of parts of at least ``version``, and those that lack; blocks."""
        with self._lock:
            state = self._current(version)
            view = self._view(edge, state)

            def payload() -> dict[str, Any]:
                return view.payload(edge, self._clock.now())

            text = self._sign(self._signed, edge, state, payload)
            return Told(text, view.lacking(after, tag))

    def is_known(self, version: int) -> bool:
        """Tell whether at least ``version`` is at hand; never blocks for long."""
        state = self._state
        return state is not None and state.version >= version

    def take_up(self, version: int) -> None:
        """Have at least ``version`` at hand; blocks on the store."""
        with self._lock:
            self._current(version)

    def _sign(
        self,
        known: dict[str, tuple[State, str]],
        edge: str,
        state: State,
        payload: Callable[[], dict[str, Any]],
    ) -> str:
        cached = known.get(edge)
        if cached is None or cached[0] is not state:
            cached = known[edge] = (state, self._signing.sign_snapshot(payload()))
        return cached[1]

    def _view(self, edge: str, state: State) -> View:
        def served() -> Served:
            return snapshot_builder.serves(state, edge)

        known = self._served.get(edge)
        if known is None or known[0] is not state.services:
            known = self._served[edge] = (state.services, tuple(name for name, _ in served()))
        view = self._views.get(known[1])
        if view is None:
            view = self._views[known[1]] = View(state, served())
        self._used_at[known[1]] = self._read_at
        view.update(state, served)
        return view

    def _current(self, version: int) -> State:
        now = self._clock.now()
        state = self._state
        # A time in the future is from before the clock was put right.
        if state is not None and state.version >= version:
            if self._read_at <= now < self._read_at + _RESIGN_AFTER:
                return state
            state = None
        with self._store.read() as connection:
            # First of all, so that they are never too new.
            version, configuration = versions(connection)
        all_is_new = self._read_all_at <= now < self._read_all_at + _READ_ALL_AFTER
        if state is not None and all_is_new and state.configuration == configuration:
            with self._store.read() as connection:
                self._state = snapshot_builder.read_grants(
                    connection, state, version, now, self._grants
                )
        else:
            self._state = self._read(version, configuration, now)
            self._read_all_at = now
            self._forget(now)
        self._read_at = now
        self._wholes.clear()
        self._signed.clear()
        return self._state

    def _read(self, version: int, configuration: int, now: datetime) -> State:
        self._signing.refresh()  # it may be a rotation's
        with self._store.read() as connection:
            return snapshot_builder.read(
                connection,
                self._signing,
                version,
                now,
                self._recipient,
                configuration=configuration,
                grants=self._grants,
            )

    def _forget(self, now: datetime) -> None:
        """Drop what no edge has asked for in a while."""
        for names, used_at in list(self._used_at.items()):
            if abs(now - used_at) >= _FORGET_AFTER:
                del self._used_at[names], self._views[names]
        self._served = {}
