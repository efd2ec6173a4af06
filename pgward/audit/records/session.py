"""One database session off the tape: its messages become records.

Follows both ends as ``pgward.pgwire.exchange`` does live: PostgreSQL answers in order; after an
error in the extended protocol it skips all up to the next Sync; while it takes COPY data it
ignores Sync (manual, chapter 54.2). What does not fit is passed over, as a tape may begin late.
"""

import contextlib
import struct
from collections import deque
from collections.abc import Iterable

from pgward.audit.records import items as it
from pgward.audit.records.items import Fields, Item
from pgward.audit.records.large import Large
from pgward.audit.records.names import cut, deallocated
from pgward.audit.records.requests import Requests
from pgward.audit.records.tags import FORGETTING, read_tag
from pgward.audit.records.times import stamp
from pgward.audit.tape.frames import read_piece
from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError

_HEADER = struct.Struct("!BI")
_RUN = struct.Struct("!QQ")
_RUN_KIND = ord("#")
_IDLE = ord("I")
_LEAST = 4  # the length of a message counts itself
_WITH_READY = frozenset({it.QUERY, it.SYNC, it.FUNCTION_CALL})
_STRAYS = frozenset({it.COPY_DONE, it.COPY_FAIL})
_PASSED_OVER = _STRAYS | {it.DESCRIBE}
_AWAITED = frozenset(it.TYPES) | {it.SYNC} | _PASSED_OVER
_MOST_DROPPED = 1000  # messages behind an error that are kept up to the Sync


class Session(Requests):
    """Reads one session's frames, and appends records to ``out``."""

    def take_held(self) -> None:
        """Take the frame that was held back as its answer could have been the usual one."""
        held, self.held = self.held, None
        if held:
            position, time, _, _, data = held
            self.up(position, time, data)

    # --- the frontend -----------------------------------------------------------------

    def up(self, position: int, time: int, data: bytes) -> None:
        """Take whole messages."""
        at, end, place = 0, len(data), 0
        while at + 5 <= end:
            kind, length = _HEADER.unpack_from(data, at)
            following = at + 1 + length
            if length < _LEAST or following > end:
                return
            if kind in _AWAITED:
                denied = self.denied.pop(place, None) if self.denied else None
                self.asked(kind, position + at, time, data[at + 5 : following], denied)
            at = following
            place += 1

    def asked(
        self, kind: int, position: int, time: int, body: bytes, denied: Fields | None
    ) -> None:
        """Take one message of the frontend that is answered, or would be."""
        if self.skipping and kind == it.SYNC:
            self._give_up(time)
        if (self.skipping or self.copying) and kind not in it.TYPES:
            self.copying = self.copying and kind not in _STRAYS
            return
        if kind == it.DESCRIBE and body[:1] == frontend.PORTAL:
            return  # its answer is not on tape
        ignored = self.copying or (self.skipping and kind == it.QUERY)
        self._asked(self.request(kind, position, time, body, ignored=ignored), time, denied)

    def _asked(self, item: Item, time: int, denied: Fields | None) -> None:
        if denied is not None and item.kind in it.TYPES:
            denied = {"type": "DENIED", "denied": it.TYPES[item.kind], **denied}
            self.told(item).update(denied)
            if item.made is not None and not _stands_alone(item):
                item.made.denied = denied
        if self.skipping:
            self.dropped.append(item)
            if len(self.dropped) > _MOST_DROPPED:
                self._tell_dropped(time)
        elif item.ignored:
            self._finish(item, time, "skipped")
        else:
            self.queue.append(item)

    def piece(self, position: int, time: int, data: bytes) -> None:
        """Take a piece of a message that is larger than a frame."""
        offset, total, content = read_piece(data)
        if not offset:
            kind, denied = content[0] if content else 0, self.denied.pop(0, None)
            self.large = Large(kind, self.prefix, position, time, denied)
        large = self.large
        if large is None:
            return
        text = large.feed(content)
        if text:
            self.out.append(self.text_piece(large, position, time, text))
        if offset + len(content) >= total:
            self.large = None
            if large.kind in it.TYPES:
                self._asked(self.large_request(large, ignored=self.copying), time, large.denied)

    def count(self, data: bytes) -> None:
        """Take how much COPY data the frontend sent."""
        item = self._head()
        if item is not None and len(data) >= 5 + _RUN.size:
            item.size = max(item.size, 0) + _RUN.unpack_from(data, 5)[1]

    # --- the backend ------------------------------------------------------------------

    def down(self, time: int, data: bytes) -> None:
        """Take what tells of answers."""
        at, end = 0, len(data)
        while at + 5 <= end:
            kind, length = _HEADER.unpack_from(data, at)
            following = at + 1 + length
            if length < _LEAST or following > end:
                return
            if kind == it.COMMAND_COMPLETE:
                self._complete(time, data[at + 5 : following - 1])
            elif kind == it.READY:
                self._ready(time, data[at + 5] if length > _LEAST else _IDLE)
            elif kind == _RUN_KIND:
                self._run(data[at + 5 : following])
            else:
                self._rare(kind, time, data[at + 5 : following])
            at = following

    def _rare(self, kind: int, time: int, body: bytes) -> None:
        if kind == it.ERROR:
            self._error(time, body)
        elif kind == it.PARAMETER_DESCRIPTION:
            self._described(body)
        elif (item := self._head()) is None:
            return
        elif kind in {it.COPY_IN, it.COPY_BOTH, it.COPY_OUT}:
            if item.kind in _ENDED_BY[it.COMMAND_COMPLETE]:
                self._copy(kind, item)
        elif kind in _ENDED_BY and item.kind in _ENDED_BY[kind]:
            self._ended(item, time)

    def _head(self) -> Item | None:
        """Return what is answered now; the answer to a Describe is on tape only in part."""
        queue = self.queue
        while queue and queue[0].kind in _PASSED_OVER:
            queue.popleft()
        return queue[0] if queue else None

    def _run(self, body: bytes) -> None:
        item = self._head()
        if item is not None and len(body) == _RUN.size:
            rows, size = _RUN.unpack(body)
            item.run = max(item.run, 0) + rows
            item.size = max(item.size, 0) + size

    def _complete(self, time: int, tag: bytes) -> None:
        item = self._head()
        if item is None or item.kind not in _ENDED_BY[it.COMMAND_COMPLETE]:
            return
        text, number = read_tag(tag)
        if item.tags is None:
            item.tags = [text]
        else:
            item.tags.append(text)
        rows = item.run if item.run >= 0 and not item.direction else number
        if rows >= 0:
            item.rows = max(item.rows, 0) + rows
        item.run = -1
        if text in FORGETTING:
            self._forget(text, item)
        if item.kind == it.EXECUTE:
            self._ended(item, time)

    def _forget(self, tag: str, item: Item) -> None:
        """Forget what SQL deallocated or closed; all, where it is not certain what that was."""
        if tag not in {"DEALLOCATE", "DEALLOCATE ALL"}:
            self.portals.clear()
        if tag.startswith("CLOSE"):
            return
        name = None
        if tag == "DEALLOCATE":
            record = self.told(item)
            name = None if "text_bytes" in record else deallocated(record.get("text", ""))
        if name is None:
            self.statements.clear()
        else:
            self.statements.pop(cut(name), None)

    def _ended(self, item: Item, time: int) -> None:
        """Take that the oldest message was done."""
        if item.kind == it.QUERY:
            return  # ReadyForQuery ends it
        self.queue.popleft()
        if _stands_alone(item):
            self._finish(item, time, "ok")
        elif item.made is None or not item.made.joined:
            item.done = time
            self.waiting.append(item)

    def _described(self, body: bytes) -> None:
        queue = self.queue
        while queue and queue[0].kind in _STRAYS:
            queue.popleft()
        if not queue or queue[0].kind != it.DESCRIBE:
            return
        made = queue.popleft().made
        if made is not None:
            with contextlib.suppress(WireError):
                made.types = backend.read_parameter_description(body)

    def _copy(self, kind: int, item: Item) -> None:
        item.direction = {it.COPY_IN: "in", it.COPY_OUT: "out"}.get(kind, "both")
        if kind == it.COPY_OUT:
            return
        queue = self.queue
        first, rest = queue.popleft(), list(queue)
        ends = next((n for n, each in enumerate(rest) if each.kind in _STRAYS), None)
        within, behind = (rest, []) if ends is None else (rest[:ends], rest[ends + 1 :])
        self.copying = ends is None
        self.queue = deque([first, *(each for each in within if each.kind != it.SYNC), *behind])

    def _error(self, time: int, body: bytes) -> None:
        self.copying = False
        fault = _fault(body, hidden=self.sensitive)
        item = self._head()
        if item is None or _is_fatal(body):
            self.fault = fault
        if item is None:
            return
        if item.kind == it.SYNC:
            if item.failed:
                return
            item.failed = True
            item.record = {**self.commit(item), **fault}
            self._finish(item, time, "error")
        elif item.kind in _WITH_READY:
            item.failed = True
            self.told(item).update(fault)
        else:
            self._failed(time, fault)

    def _failed(self, time: int, fault: Fields) -> None:
        """End a message of the extended protocol, and skip what stands behind it."""
        queue = self.queue
        queue[0].done = time
        while queue and queue[0].kind != it.SYNC:
            self.dropped.append(queue.popleft())
        self.fault = fault
        self.skipping = True
        if queue:
            self._give_up(time)

    def _give_up(self, time: int) -> None:
        """Take the Sync behind an error: names mean again what they did before it."""
        for item in reversed(self.dropped):
            self.undo(item)
        self._tell_dropped(time)
        self.skipping = False

    def _tell_dropped(self, time: int) -> None:
        """Make records of what failed and was skipped, so far."""
        if not self.dropped:
            return
        dropped, self.dropped = self.dropped, []
        fault, self.fault = self.fault, {}
        if fault:
            first, *behind = dropped
            blamed = _blamed(first, behind)
            blamed.failed = True
            self.told(blamed).update(fault)
            if blamed is not first:
                self.told(blamed)["failed_at"] = it.TYPES[first.kind]
        for item in dropped:
            if item.failed:
                self._finish(item, item.done or time, "error")
            else:
                self._lost(item, time, "skipped")

    def _ready(self, time: int, status: int) -> None:
        queue = self.queue
        if self.skipping:
            self._give_up(time)
        self.copying = False
        self.fault = {}
        while queue:
            item = queue.popleft()
            if item.kind in _WITH_READY:
                self._finish(item, time, "error" if item.failed else "ok")
                break
            self._lost(item, time, "unknown")
        if self.waiting:
            self._settle()
        if status == _IDLE:
            self.portals.clear()
        if not queue:
            self.sensitive = False

    def _settle(self) -> None:
        """Make records of what no execution has joined into its own."""
        for item in self.waiting:
            if item.made is None or not item.made.joined:
                self._finish(item, item.done, "ok")
        self.waiting.clear()

    def _lost(self, item: Item, time: int, status: str) -> None:
        """End what was not answered, unless the record of an execution tells of it."""
        if _stands_alone(item) or item.made is None or not item.made.joined:
            self._finish(item, time, status)

    def _finish(self, item: Item, time: int, status: str) -> None:
        """Make the record of a message that has been answered, or never will be."""
        if item.record is None and not item.number:
            return
        record = self.told(item)
        item.record, item.number = None, 0
        if item.direction:
            record["direction"] = item.direction
            if record["type"] != "DENIED":
                record["type"] = "COPY"
        if item.tags is not None:
            record["commands"] = item.tags
        rows = item.rows if item.run < 0 else max(item.rows, 0) + item.run
        if rows >= 0:
            record["rows"] = rows
        if item.size >= 0:
            record["bytes"] = item.size
        record["duration_us"] = max(0, time - item.time)
        record["status"] = status if record["type"] != "DENIED" else "denied"
        self.out.append(record)

    # --- the end ----------------------------------------------------------------------

    def end(self, name: str, time: int, told: Fields) -> None:
        """Take that the session has ended; ``told`` is what the edge said of it, ``name`` an id."""
        if self.large is not None and self.large.kind in it.TYPES:
            self._finish(self.large_request(self.large, ignored=True), time, "unknown")
        self._tell_dropped(time)
        while self.queue:
            item = self.queue.popleft()
            if item.failed:
                self._finish(item, time, "error")
            else:
                self._lost(item, time, "unknown")
        self._settle()
        cut = told.get("sqlstate") or self.fault  # by the edge, or by PostgreSQL
        record: Fields = {
            "id": name,
            "type": "SESSION_END",
            "time": stamp(time),
            **self.fields,
            "statements": self.numbered,
            "duration_us": max(0, time - self.began),
            **self.fault,
            "status": "error" if cut else "ok",
            **{key: told.pop(key) for key in ("reason", "sqlstate", "status") if told.get(key)},
        }
        told = {key: value for key, value in told.items() if value is not None}
        if told:
            record["details"] = told
        self.out.append(record)


_ENDED_BY = {
    it.COMMAND_COMPLETE: frozenset({it.QUERY, it.EXECUTE}),
    it.EMPTY_QUERY: frozenset({it.EXECUTE}),
    it.PORTAL_SUSPENDED: frozenset({it.EXECUTE}),
    it.PARSE_COMPLETE: frozenset({it.PARSE}),
    it.BIND_COMPLETE: frozenset({it.BIND}),
    it.CLOSE_COMPLETE: frozenset({it.CLOSE}),
}


def _stands_alone(item: Item) -> bool:
    """Tell whether a message has its own record even where an execution tells of it."""
    if item.kind == it.PARSE:
        made = item.made
        return made is None or made.name != "" or "pieces" in made.about
    return item.kind != it.BIND


def _blamed(failed: Item, behind: Iterable[Item]) -> Item:
    """Return the execution that tells of a failed Parse or Bind in its own record."""
    made = failed.made
    if made is None or _stands_alone(failed):
        return failed
    for item in behind:
        portal = item.made
        if item.kind == it.EXECUTE and portal is not None and made in (portal, portal.statement):
            return item
    return failed


def _is_fatal(body: bytes) -> bool:
    """Tell whether an error ends the session (the field V is not translated)."""
    return b"\0VFATAL\0" in body or b"\0VPANIC\0" in body


def _fault(body: bytes, *, hidden: bool) -> Fields:
    """Return what a record says of an error."""
    found = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0")}
    fault: Fields = {"sqlstate": found.get(b"C", "XX000")}
    if not hidden:
        fault["message"] = found.get(b"M", "")
    return fault
