"""What one replica saw of the log, so that a store which lacks some of it is not served.

A database can go back in time: a standby that took over without the last transactions, an older
copy in its place. What the CA appended then would be a second log beside the one that it signed,
and lists of revocations would lack some. So each replica keeps size and root of the log in its
directory, and vouches for no connection to a store whose log does not begin with that.
"""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.store import Store, log
from pgward.ca.store.log import TreeState
from pgward.ca.store.marks import NotThisStoreError
from pgward.core.clock import Clock
from pgward.core.errors import ConflictError, InvalidInputError, UnavailableError
from pgward.pki.merkle import HASH_BYTES
from pgward.system import files
from pgward.system.files import StorageError, storage_errors

FILE = "log.seen"
_log = logging.getLogger(__name__)


class LostEntriesError(UnavailableError, NotThisStoreError):
    """The store's log does not begin with what was seen of it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What was seen, and what is there instead."""

    seen: TreeState
    found: TreeState


class Continuity:
    """The memory of one directory; ``vouch`` may be called from any thread, the rest from one."""

    def __init__(self, directory: Path) -> None:
        """Read what was seen before; InvalidInputError when the file is damaged."""
        self._path = directory / FILE
        self._seen = _read(self._path)
        self._is_kept = True

    def vouch(self, connection: Connection) -> None:
        """Raise LostEntriesError unless all that was seen is in this store.

        Of a connection that saw one state of the store before, it may say so wrongly.
        """
        lost = self.lost(connection)
        if lost is None:
            return
        seen, found = lost.seen.size, lost.found.size
        how = f"it has {found}" if found < seen else "others stand in their place"
        raise LostEntriesError(
            f"the store lacks entries of the log: this replica has seen {seen}, and {how}",
            hint="it went back in time (a standby that lacked the last transactions, an older"
            " copy): bring the right one back, or if that is lost, `pgward ca log accept DIR`",
        )

    def lost(self, connection: Connection) -> Lost | None:
        """Return what was seen and is not there, if anything.

        Rows that do not fit together tell nothing here: whoever appends or signs says so.
        """
        seen = self._seen  # before the store is read, which can only be newer then
        with suppress(UnavailableError):
            found = log.state(connection)
            if seen is not None and not _continues(connection, found, seen):
                return Lost(seen, found)
        return None

    def look(self, store: Store) -> None:
        """Vouch for the store, and remember its log as it is now."""
        with store.read() as connection:
            self.vouch(connection)
            with suppress(UnavailableError):  # as in ``lost``
                self._remember(log.state(connection))

    def _remember(self, state: TreeState) -> None:
        if state != self._seen:
            self._seen = state
            self._keep(state)

    def _keep(self, state: TreeState) -> None:
        """Write it down; a directory that cannot be written costs the memory, not the service."""
        text = json.dumps({"size": state.size, "root": state.root.hex()})
        try:
            files.atomic_write(self._path, text.encode() + b"\n")
        except StorageError as error:
            if self._is_kept:
                _log.warning("what was seen of the log is in memory only: %s", error.message)
            self._is_kept = False
        else:
            self._is_kept = True


def _continues(connection: Connection, found: TreeState, seen: TreeState) -> bool:
    if found.size <= seen.size:
        return found == seen
    return log.root_at(connection, seen.size) == seen.root


def accept(directory: Path, store: Store, clock: Clock) -> Path:
    """Begin anew with a store that lost entries, which goes on record there.

    Returns the file that keeps what was seen. ConflictError when nothing is lost.
    """
    now = clock.now()
    with store.write() as transaction:
        lost = Continuity(directory).lost(transaction.connection)
        if lost is None:
            raise ConflictError("the store lacks nothing that was seen here")
        transaction.record(_event(lost, now))
    kept = directory / f"{FILE}-{now:%Y%m%dT%H%M%S}"
    with storage_errors(kept, "rename"):
        (directory / FILE).rename(kept)
    return kept


def _event(lost: Lost, now: datetime) -> AuditEvent:
    said = {"seen": lost.seen, "found": lost.found}
    details = {
        f"{name}_{what}": value
        for name, state in said.items()
        for what, value in (("size", state.size), ("root", state.root.hex()))
    }
    return AuditEvent.make(time=now, actor=caller.SYSTEM, action="log.accept", details=details)


def _read(path: Path) -> TreeState | None:
    with storage_errors(path, "read"):
        try:
            text = files.read_regular(path)
        except FileNotFoundError:
            return None
    try:
        said = json.loads(text)
        found = TreeState(int(said["size"]), bytes.fromhex(said["root"]))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError("it is damaged", where=str(path), hint=_HINT) from error
    if len(found.root) != HASH_BYTES:
        raise InvalidInputError("it is damaged", where=str(path), hint=_HINT)
    return found


_HINT = "check the store with `pgward ca log verify DIR`, then remove the file"
