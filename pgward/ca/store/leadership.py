"""Which replica leads: it alone does the jobs that must be done once.

Who holds the *seat* leads, and has an *epoch*, a number that grows with each change of leader.
A replica that lost its seat without knowing it still finds another epoch in the store when it
writes, so it commits nothing: all writers take turns, the one that takes the lead as well.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.store.database import Store
from pgward.ca.store.marks import NotThisStoreError
from pgward.ca.store.schema_store import leadership
from pgward.ca.store.seats import Seat
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError

EVERY_SECONDS = 2.0
# Whoever could not look at its seat for so long does not lead. It is more than a look may take.
_LEASE_SECONDS = 20.0
_ROW = "upkeep"
_log = logging.getLogger(__name__)


class NotLeadingError(PgwardError):
    """Another replica leads by now: what a job was about to commit must not be."""


def _nothing() -> None:
    pass


class Leadership:
    """Strives for the lead of a store, in a thread of its own between ``start`` and ``stop``."""

    def __init__(
        self,
        store: Store,
        seat: Seat,
        replica: str,
        clock: Clock,
        *,
        on_news: Callable[[], None] = _nothing,
        on_moved: Callable[[], None] = _nothing,
        on_look: Callable[[], None] = _nothing,
    ) -> None:
        """Call ``on_news`` when another replica changed something, if the database tells us.

        ``on_moved`` is called when the store must not be served any more: a mark says so, or
        ``on_look``, which is called before each look. ``ended_by`` then says why.
        """
        self._store, self._seat, self._clock = store, seat, clock
        self._replica = replica
        self._on_news, self._on_moved, self._on_look = on_news, on_moved, on_look
        self.ended_by: PgwardError | None = None
        self._epoch: int | None = None
        self._looked = 0.0
        self._trouble: str | None = None
        self._stopped = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._strive, name="leadership", daemon=True)

    def is_leader(self) -> bool:
        """Tell whether we lead, as far as is known; cheap, from any thread."""
        return self._epoch is not None and time.monotonic() - self._looked < _LEASE_SECONDS

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Yield the writing transaction as the leader; NotLeadingError when another leads.

        Nobody can take the lead before this transaction ends.
        """
        with self._store.write() as transaction:
            self.confirm(transaction)
            yield transaction

    def confirm(self, transaction: Transaction) -> None:
        """Raise NotLeadingError unless we lead until this transaction has ended."""
        stored = sa.select(leadership.c.epoch).where(leadership.c.name == _ROW)
        if self._epoch is None or transaction.execute(stored).scalar() != self._epoch:
            raise NotLeadingError("another replica leads")

    def start(self) -> None:
        """Try once, and go on in the background; ConflictError when the store is being moved."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Give the lead up, at once; a second time it does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._stopping.set()
        self._seat.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._epoch = None
        self._seat.leave()

    def look(self) -> None:
        """Take the seat if it is free, and see whether it is still ours."""
        began = time.monotonic()
        taken = self._seat.take()
        self._on_look()
        if not taken:
            self._lose("another replica leads")
        elif self._epoch is None:
            self._win()
        self._looked = began

    def _strive(self) -> None:
        while not self._stopping.is_set():
            if self._seat.wait(EVERY_SECONDS):
                self._on_news()
            if not self._stopping.is_set():
                self._try()

    def _try(self) -> None:
        try:
            self.look()
        except NotThisStoreError as error:
            self._end(error)
        except PgwardError as error:
            self._fail(error.message)
        except Exception as error:  # noqa: BLE001 - whoever cannot tell must not lead
            _log.exception("the leader cannot be found out")
            self._fail(f"{type(error).__name__}")
        else:
            self._trouble = None

    def _end(self, error: PgwardError) -> None:
        self._lose(error.message)
        if self.ended_by is None:
            _log.error("this store must not be served: %s", error.message)
            self.ended_by = error
            self._on_moved()

    def _fail(self, why: str) -> None:
        if why != self._trouble:
            _log.warning("the leader cannot be found out: %s", why)
        self._trouble = why
        self._lose(why)

    def _win(self) -> None:
        now = self._clock.now()
        row, mine = leadership.c, {"holder": self._replica, "since": now}
        with self._store.write() as transaction:
            known = sa.select(row.epoch, row.holder).where(row.name == _ROW)
            before = transaction.execute(known).one_or_none()
            epoch = before.epoch + 1 if before else 1
            if before is None:
                transaction.execute(sa.insert(leadership).values(name=_ROW, epoch=epoch, **mine))
            else:
                here = sa.update(leadership).where(row.name == _ROW)
                transaction.execute(here.values(epoch=epoch, **mine))
            if before is None or before.holder != self._replica:
                transaction.record(_event(self._replica, before and before.holder, self._clock))
        self._epoch = epoch
        level = logging.WARNING if self._looked else logging.INFO  # later it is news
        _log.log(level, "this replica leads: %s (epoch %d)", self._replica, epoch)

    def _lose(self, why: str) -> None:
        if self._epoch is not None:
            self._epoch = None
            _log.warning("this replica no longer leads: %s", why)


def _event(replica: str, before: str | None, clock: Clock) -> AuditEvent:
    return AuditEvent.make(
        time=clock.now(),
        actor=caller.SYSTEM,
        action="ca.lead",
        target=replica,
        details={"before": before},
    )
