"""Makes pieces of the records and answers of those sessions that are recorded. Pure but for salt.

It holds nothing that is not in its pieces: what it knows of sessions that run (``state``) follows
from what is known at a checkpoint and from the pieces since.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pgward.audit.chain.encoding import encode
from pgward.audit.recording import pieces, sealing
from pgward.audit.recording.pieces import RESULT, Piece, PieceInfo
from pgward.audit.records.fields import SESSION_FIELDS

Record = Mapping[str, Any]
Open = Callable[[str, bytes], bytes | None]
"""Returns an answer's bytes as the backend sent them; None where they are lost."""

MOST_BYTES: Final = 2 * 1024 * 1024
"""So many bytes of events are waited for; then pieces are made of them."""

TELLING: Final = frozenset({"SESSION_START", "NOTICE"})
"""Records that may say how a session is recorded from there on."""

_REPEATED: Final = frozenset({"session", *SESSION_FIELDS})
_LEVELS: Final = frozenset({"statements", "results"})
_PAUSED: Final = {"recording": "none"}


@dataclass(slots=True)
class _Recorded:
    """A session that runs: its last piece, and the events that come into the next one.

    While it is ``paused`` only its end is recorded: its service says so since it began.
    """

    recipient: str
    fields: Mapping[str, str]
    number: int = 0
    before: str = ""
    events: list[bytes] = field(default_factory=list)
    first_time: str = ""
    last_time: str = ""
    ended: bool = False
    paused: bool = False


class Recorder:
    """Takes all records of all tapes, and the answers (``RESULT``) of recorded sessions.

    ``opened`` decrypts answers, which tapes have encrypted.
    """

    def __init__(self, opened: Open = lambda _session, data: data) -> None:
        self._opened = opened
        self._sessions: dict[str, _Recorded] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        """Tell whether anything waits to become a piece."""
        return self._bytes > 0

    @property
    def runs(self) -> bool:
        """Whether a session is recorded now."""
        return bool(self._sessions)

    @property
    def sessions(self) -> AbstractSet[str]:
        """The sessions that are recorded now."""
        return self._sessions.keys()

    @property
    def full(self) -> bool:
        """Whether pieces should be made now."""
        return self._bytes >= MOST_BYTES

    @classmethod
    def restore(cls, state: Mapping[str, Any], *arguments: Open) -> Self:
        """Return a recorder that knows what ``state`` told."""
        found = cls(*arguments)
        for info in state.values():
            found.made(PieceInfo.from_json(info))
        return found

    def state(self) -> dict[str, Any]:
        """Return the last pieces of sessions that run; nothing may wait."""
        return {session: self._last(session, each) for session, each in self._sessions.items()}

    def made(self, info: PieceInfo) -> None:
        """Hear of a piece that was made before this process began."""
        self._sessions.pop(info.session, None)
        if not info.last:
            paused = info.fields.items() >= _PAUSED.items()
            fields = {name: value for name, value in info.fields.items() if name not in _PAUSED}
            self._sessions[info.session] = _Recorded(
                info.recipient, fields, info.number, info.sha256, paused=paused
            )

    def take(self, record: Record) -> None:
        """Take the next record or answer, if its session is recorded."""
        if record["type"] in TELLING and self._hear(record):
            return
        if not self._sessions:
            return
        session = record.get("session")
        found = self._sessions.get(session)  # type: ignore[arg-type]  # None is no session's name
        if found is not None and (not found.paused or record["type"] == "SESSION_END"):
            self._add(found, record)

    def cut(self) -> list[Piece]:
        """Return pieces of all that waits."""
        made = []
        for session, each in tuple(self._sessions.items()):
            if not each.events:
                continue
            made.append(_piece(session, each))
            if each.ended:
                del self._sessions[session]
        self._bytes = 0
        return made

    def _hear(self, record: Record) -> bool:
        """Begin to record a session, go on otherwise, or pause; tell whether that was it."""
        details = record.get("details") or {}
        level, recipient = details.get("recording"), details.get("recipient")
        if level is None:
            return False
        found = self._sessions.get(record["session"])
        if level in _LEVELS and recipient:
            if found is None:
                fields = {name: record[name] for name in SESSION_FIELDS if record.get(name)}
                found = self._sessions[record["session"]] = _Recorded(str(recipient), fields)
            found.recipient, found.paused = str(recipient), False
            self._add(found, record)
        elif found is not None and not found.paused:
            self._add(found, record)
            found.paused = True
        return True

    def _add(self, found: _Recorded, record: Record) -> None:
        kind, time = record["type"], record["time"]
        if kind == RESULT:
            event: Record = {"type": kind, "time": time, **self._answer(record)}
        elif kind == "SESSION_START" or not (found.number or found.events):
            event = record
        else:
            event = {name: value for name, value in record.items() if name not in _REPEATED}
        line = encode(event)
        found.events.append(line)
        found.first_time = min(found.first_time or time, time)
        found.last_time = max(found.last_time, time)
        found.ended = kind == "SESSION_END"
        self._bytes += len(line)

    def _answer(self, record: Record) -> Record:
        data = self._opened(record["session"], record["data"])
        return {"data": b"", "lost": True} if data is None else {"data": data}

    @staticmethod
    def _last(session: str, found: _Recorded) -> dict[str, Any]:
        return PieceInfo(
            session=session,
            number=found.number,
            before="",
            sha256=found.before,
            recipient=found.recipient,
            events=0,
            plain_bytes=0,
            first_time="",
            last_time="",
            last=False,
            fields=_fields(found),
        ).to_json()


def _fields(each: _Recorded) -> dict[str, str]:
    return {**each.fields, **(_PAUSED if each.paused else {})}


def _piece(session: str, each: _Recorded) -> Piece:
    number = each.number + 1
    plain = pieces.join([pieces.header(session, number, each.before), *each.events])
    info = PieceInfo(
        session=session,
        number=number,
        before=each.before,
        sha256=pieces.hash_of(plain),
        recipient=each.recipient,
        events=len(each.events),
        plain_bytes=len(plain),
        first_time=each.first_time,
        last_time=each.last_time,
        last=each.ended,
        fields=_fields(each),
    )
    each.number, each.before = number, info.sha256
    each.events, each.first_time, each.last_time = [], "", ""
    return Piece(info, sealing.seal(plain, each.recipient))
