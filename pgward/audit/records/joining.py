"""Frames of one tape in, records out: the same frames always give the same records.

Pure: time is the frames', and what is open can be written down (``state``) and taken up again.
What comes out with the type ``RESULT`` is no record: recordings are made of it (audit.recording).
"""

import json
from collections.abc import Iterable
from typing import Any, Self

from pgward.audit.chain.written import UNKNOWN, Written
from pgward.audit.records.checkpoint import restored, saved
from pgward.audit.records.fields import SESSION_FIELDS
from pgward.audit.records.items import Fields
from pgward.audit.records.session import Session
from pgward.audit.records.times import stamp
from pgward.audit.records.usual import expect, usual
from pgward.audit.tape.frames import (
    CLOSE,
    COUNT,
    DENIED,
    DOWN,
    GAP,
    NOTE,
    OPEN,
    PIECE,
    RESULT,
    UP,
    Entry,
    Frame,
)
from pgward.core.errors import InvalidInputError

KILLED = "the edge's worker ended without closing the session"
_VERSION = 1
_MOST_REPEATED = 256  # letters of a field that stands in each record of a session
_BEGIN = frozenset({OPEN, UP, DOWN, PIECE, COUNT})
_ALONE = {GAP: "GAP", DENIED: "DENIED", NOTE: "NOTICE"}


class Joiner:
    """Joins the frames of the tape ``boot``, which a worker of ``edge`` wrote."""

    def __init__(self, boot: str, edge: str) -> None:
        self._boot = boot
        self._edge = edge
        self._prefix = f"{boot}-"
        self._sessions: dict[int, Session] = {}
        self._last = 0  # time of the last frame; 0 before the first

    def join(self, frames: Iterable[Entry]) -> list[Fields | Written]:
        """Return the records that frames complete; those of usual exchanges are written already."""
        found: list[Fields | Written] = []
        find = self._sessions.get
        last = self._last
        for frame in frames:
            _, time, number, kind, data = frame
            session = find(number)
            if session is not None and (held := session.held) is not None:
                if held:
                    if kind == DOWN and (made := usual(session, held, time, data)) is not None:
                        session.held = ()
                        last = time
                        found.append(made)
                        continue
                elif kind == UP:
                    session.held = frame
                    last = time
                    continue
            self._last = last
            found += self.feed(frame)
            last = self._last
            if (session := find(number)) is not None:
                expect(session)
        self._last = last
        return found

    def feed(self, frame: Entry) -> list[Fields]:
        """Return the records that a frame completes; most complete none or one."""
        position, time, number, kind, data = frame
        session = self._sessions.get(number)
        if session is not None and session.held is not None:
            session.take_held()
        if session is None:
            if kind not in _BEGIN:
                return self._stray(Frame(*frame))
            session = self._sessions[number] = Session(self._prefix, number, {"edge": self._edge})
            session.began = time
        self._last = time
        if kind == UP:
            session.up(position, time, data)
        elif kind == DOWN:
            session.down(time, data)
        else:
            self._rare(session, Frame(*frame))
        out = session.out
        if out:
            session.out = []
        return out

    def finish(self) -> list[Fields]:
        """Return the records of what is open when the writer is gone and all is read."""
        found: list[Fields] = []
        for session in self._sessions.values():
            session.take_held()
            told = {"reason": KILLED, "status": "unknown"}
            session.end(f"{self._prefix}{session.number:x}.end", self._last, told)
            found += session.out
        self._sessions.clear()
        return found

    def state(self) -> dict[str, Any]:
        """Return what is open, as JSON."""
        for session in self._sessions.values():
            session.take_held()
        sessions = [saved(session) for session in self._sessions.values()]
        return {"version": _VERSION, "last": self._last, "sessions": sessions}

    @classmethod
    def restore(cls, boot: str, edge: str, state: dict[str, Any]) -> Self:
        """Return a joiner that goes on where ``state`` was told; InvalidInputError for another."""
        if state.get("version") != _VERSION:
            raise InvalidInputError("what joining had begun was written by another version")
        found = cls(boot, edge)
        found._last = state["last"]
        for each in state["sessions"]:
            session = restored(found._prefix, each)
            found._sessions[session.number] = session
        return found

    def _rare(self, session: Session, frame: Frame) -> None:
        position, time, _, kind, data = frame
        if kind == PIECE:
            session.piece(position, time, data)
        elif kind == COUNT:
            session.count(data)
        elif kind == OPEN:
            self._open(session, frame)
        elif kind == CLOSE:
            session.end(f"{self._prefix}{position:x}", time, _told(data))
            del self._sessions[session.number]
        elif kind == DENIED:
            told = _told(data)
            session.denied[told.get("place", 0)] = _pick(told, ("rule", "reason"))
        elif kind == NOTE:
            self._note(session, frame)
        elif kind == RESULT:
            session.out.append(self._result(session, frame))

    def _open(self, session: Session, frame: Frame) -> None:
        told = _told(frame.data)
        known = {key: str(told.pop(key)) for key in SESSION_FIELDS if told.get(key) is not None}
        for key, value in known.items():
            if len(value) > _MOST_REPEATED:  # of what a client calls itself
                told[key], known[key] = value, value[:_MOST_REPEATED]
        session.began = frame.time
        session.fields.update(known)
        session.constant = UNKNOWN
        record = self._record(frame, "SESSION_START", session.fields)
        if told:
            record["details"] = told
        session.out.append(record)

    def _note(self, session: Session, frame: Frame) -> None:
        told = _told(frame.data)
        if told.pop("sensitive", False):
            session.sensitive = True
        if not told:
            return
        kind = "CANCEL" if told.pop("cancel", False) else "NOTICE"
        record = self._record(frame, kind, session.fields)
        record.update(_pick(told, ("reason", "sqlstate")))
        if told:
            record["details"] = told
        session.out.append(record)

    def _result(self, session: Session, frame: Frame) -> Fields:
        """Return bytes of an answer, which are for a recording and no record of the audit."""
        return {
            "id": f"{self._prefix}{frame.position:x}",
            "type": "RESULT",
            "time": stamp(frame.time),
            "session": session.fields["session"],
            "data": frame.data,
        }

    def _stray(self, frame: Frame) -> list[Fields]:
        """Take a frame that belongs to no session that is open."""
        if frame.kind not in _ALONE:
            return []
        made = [self._alone(frame)]
        if frame.kind != GAP:
            self._last = frame.time
        return made

    def _alone(self, frame: Frame) -> Fields:
        """Return the record of a frame that belongs to no session."""
        if frame.kind == GAP:
            return self._gap(frame)
        fields = {"session": f"{self._prefix}{frame.session}", "edge": self._edge}
        told = _told(frame.data)
        known = _pick(told, (*SESSION_FIELDS, "rule", "reason", "sqlstate"))
        kind = "CANCEL" if told.pop("cancel", False) else _ALONE[frame.kind]
        record = self._record(frame, kind, {**fields, **known})
        if kind == "DENIED":  # of a session that never was: it would look like one that runs
            del record["session"]
            record.update(denied="CONNECT", status="denied")
        if told:
            record["details"] = told
        return record

    def _gap(self, frame: Frame) -> Fields:
        """Return the record of bytes that are lost, in the time of the last frame before them.

        Whose they were nobody knows, so it has no session: that would look like one that runs.
        """
        known = frame._replace(time=self._last or frame.time)
        record = self._record(known, "GAP", {"edge": self._edge})
        return {**record, "bytes": int.from_bytes(frame.data, "big")}

    def _record(self, frame: Frame, kind: str, fields: Fields) -> Fields:
        record: Fields = {"id": f"{self._prefix}{frame.position:x}", "type": kind}
        return {**record, "time": stamp(frame.time), **fields}


def _told(data: bytes) -> Fields:
    """Return the JSON object that the edge put on tape."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": len(data)}


def _pick(told: Fields, keys: Iterable[str]) -> Fields:
    """Take what has one of these keys out."""
    return {key: told.pop(key) for key in keys if key in told}
