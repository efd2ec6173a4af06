"""What the CA pushes to an edge: long polls in a thread, each snapshot verified and kept on disk.

The edge decides by the newest snapshot it has, whether the CA is there or not.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509

from pgward.core.clock import Clock
from pgward.core.errors import PgwardError
from pgward.pki import snapshot
from pgward.pki.snapshot_parts import NO_TAG
from pgward.system.files import StorageError
from pgward.tunnel.edge.kept import Answer, Kept
from pgward.tunnel.edge.parts import LackingError, PartBook
from pgward.tunnel.edge.state import EdgeState, SnapshotError

log = logging.getLogger("pgward.edge")

WAIT = 10.0
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Source(Protocol):
    """The CA, as the edge's machine identity reaches it."""

    name: str

    def snapshot(self, after: int, wait: float, tag: str) -> Answer | None:
        """Return a newer snapshot, or None when none came within ``wait`` seconds.

        It may come in parts: those that lack where the one at hand has this tag.
        """
        ...

    def renew_if_due(self) -> bool:
        """Renew the edge's certificate when a third of its life is left; True when done."""
        ...


class Feed:
    """Keeps ``on_state`` told of every new snapshot, from a thread of its own.

    ``look`` sees to sessions of which a snapshot cannot tell, after each new one and until it does
    not raise. ``carry_out`` does what the CA wants of this edge, after a snapshot that says so and
    until it tells that nothing is left.
    """

    def __init__(
        self,
        source: Source,
        roots: Callable[[], Sequence[x509.Certificate]],
        kept: Path,
        clock: Clock,
        *,
        on_state: Callable[[EdgeState], object],
        on_renewed: Callable[[], object],
        look: Callable[[], None] = lambda: None,
        carry_out: Callable[[], bool] = lambda: True,
    ) -> None:
        self._source = source
        self._roots = roots
        self._kept = Kept(kept)
        self._clock = clock
        self._on_state = on_state
        self._on_renewed = on_renewed
        self._look = look
        self._must_look = False
        self._carry_out = carry_out
        self._has_orders = False
        self._stopping = threading.Event()
        self._version = 0
        self._tag = NO_TAG
        self._parts = PartBook()
        self._state: EdgeState | None = None
        self.connected = False

    def load_kept(self) -> bool:
        """Adopt the snapshot on disk, if there is one and it is genuine."""
        try:
            answer = self._kept.load()
        except (StorageError, UnicodeDecodeError) as error:
            log.error("the kept snapshot %s cannot be read: %s", self._kept.path, error)
            return False
        if answer is None:
            return False
        try:
            self._adopt(answer)
        except PgwardError as error:
            log.error("the kept snapshot %s is not used: %s", self._kept.path, error)
            return False
        return True

    def start(self) -> threading.Thread:
        """Poll from now on; ends with the process or after ``stop``."""
        thread = threading.Thread(target=self._run, name="pgward-feed", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Begin no further poll."""
        self._stopping.set()

    def _run(self) -> None:
        pause, told = SHORTEST_PAUSE, None
        while not self._stopping.is_set():
            try:
                self.poll()
                pause, told = SHORTEST_PAUSE, None
            except PgwardError as error:
                if type(error) is not told:  # a CA that is away may come back and refuse us
                    hint = f"; {error.hint}" if error.hint else ""
                    log.warning("the CA cannot be used for now: %s%s", error, hint)
                told = type(error)
                pause = self._pause(pause)
            except Exception:  # told with its traceback
                # Whatever it was: an edge that hears of no revocation any more is worse.
                log.exception("the CA cannot be used for now")
                pause = self._pause(pause)

    def _pause(self, seconds: float) -> float:
        """Wait about so long, then return how long to wait next time."""
        self.connected = False
        self._stopping.wait(seconds * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load
        return min(seconds * 2, LONGEST_PAUSE)

    def poll(self) -> None:
        """Do one long poll, and renew the certificate when that is due."""
        if self._source.renew_if_due():
            self._on_renewed()
        # The first answer after a loss must come at once: it says that the CA is there.
        answer = self._ask(WAIT if self.connected else 0)
        if not self.connected:
            log.info("connected to the CA")
            self.connected = True
        if answer is not None:
            self._take(answer)
            self._must_look = True
        if self._must_look:
            self._look()
            self._must_look = False
        if self._has_orders:
            self._has_orders = not self._carry_out()

    def _ask(self, wait: float) -> Answer | None:
        return self._source.snapshot(self._version, wait, self._tag)

    def _take(self, answer: Answer) -> None:
        try:
            self._adopt(answer)
        except LackingError:
            # Another replica may pack the same in other parts: all of them, then.
            self._tag = NO_TAG
            whole = self._ask(0)
            if whole is None:
                raise
            answer = whole
            self._adopt(answer)
        self._keep(answer.snapshot)

    def _adopt(self, answer: Answer) -> None:
        now = self._clock.now()
        payload: dict[str, Any] = snapshot.verify(answer.snapshot, self._roots(), now)
        if payload.get("edge") != self._source.name:
            raise SnapshotError(f"the snapshot is of another edge: {payload.get('edge')}")
        version = payload.get("version")
        if not isinstance(version, int):
            raise SnapshotError("the snapshot has no version")
        if version < self._version:
            raise SnapshotError(f"the snapshot is older than the one in use ({self._version})")
        if "parts" in payload:
            state = self._parts.load(payload, answer.parts)
            self._tag = str(payload.get("tag", NO_TAG))
        else:
            state = EdgeState.load(payload, self._state)
            self._parts, self._tag = PartBook(), NO_TAG
        self._version, self._has_orders, self._state = state.version, state.has_orders, state
        self._on_state(state)

    def _keep(self, text: str) -> None:
        try:
            self._kept.save(text, self._parts.texts)
        except PgwardError as error:
            # The new rules are in force; only a restart without the CA would miss them.
            log.error("the snapshot cannot be kept: %s", error)
