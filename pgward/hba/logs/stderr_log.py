"""The plain log: lines with a prefix, DETAIL on lines of its own, continuations behind a tab.

In a message PostgreSQL puts a tab behind each line break, so no message can pose as another. But
user and database in the prefix (%u, %d) are written as the client sent them. A name with a line
break tears its line, and what stands around it, for as long as a name can be, is doubtful; so is a
line that can be read in two ways. A name may also be made so that all of its pieces look whole:
each record of such a log says that it is forgeable, and ``joining`` looks whether it fits.
"""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from pgward.hba.logs.prefix import Prefix
from pgward.hba.logs.record import FATAL, INTERESTING, MAX_RECORD, Record, moment

LONGEST_NAMES = 10_000
"""All that a client can say before it is known who it is (MAX_STARTUP_PACKET_LENGTH)."""
_PARTS = frozenset({"DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"})

_OF_STATEMENTS = frozenset({"CONTEXT", "STATEMENT", "QUERY"})


class StderrReader:
    """Fed bytes, gives records; a record is whole when the next line is another's, or at flush."""

    def __init__(self, prefix: Prefix, offset: int = 0, zone: tzinfo = UTC) -> None:
        self._prefix = prefix
        self._zone = zone
        self._rest = b""
        self._at = offset  # where the rest begins
        self._skipping = False
        self._record: Record | None = None
        self._part = ""  # which part of it goes on behind a tab
        self._doubtful_until = -1

    @property
    def position(self) -> int:
        """Where to read on from: all before it was given out, or is of no use."""
        return self._at if self._record is None else self._record.offset

    def feed(self, data: bytes) -> list[Record]:
        """Return what became whole."""
        found: list[Record] = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._line(line, found)
            self._at += len(line) + 1
        if len(self._rest) > MAX_RECORD:
            self._at += len(self._rest)
            self._rest, self._skipping = b"", True
        return found

    def flush(self) -> list[Record]:
        """Return the last record, to which nothing came for a while."""
        found = [] if self._record is None else [self._record]
        self._record = None
        return found

    def _line(self, raw: bytes, found: list[Record]) -> None:
        if raw.startswith(b"\t"):
            self._go_on(raw)
            return
        interesting = INTERESTING.search(raw)
        if not interesting and not self._prefix.forgeable and self._record is None:
            return
        line = raw.decode("utf-8", "replace").rstrip("\r")
        parts = self._prefix.read(line)
        if parts is None:
            found += self.flush()
            if raw and self._prefix.forgeable:
                self._doubtful_until = self._at + len(raw) + LONGEST_NAMES
                found.append(Record(self._at, "", "", doubtful=True, forgeable=True))
            return
        if parts["severity"] in _PARTS and self._belongs(parts):
            self._part = str(parts["severity"])
            self._add(str(parts["message"]))
            if self._part in _OF_STATEMENTS and self._record and self._record.severity != FATAL:
                self._record = None
            return
        found += self.flush()
        if interesting:
            self._record = self._made(parts, line)
            self._part = ""

    def _belongs(self, parts: dict[str, str | None]) -> bool:
        record = self._record
        return record is None or parts.get("pid") in {None, str(record.pid)}

    def _go_on(self, raw: bytes) -> None:
        if self._record is not None:
            self._add("\n" + raw[1:].decode("utf-8", "replace"))

    def _add(self, text: str) -> None:
        record = self._record
        if record is None or len(record.message) + len(record.detail) > MAX_RECORD:
            return
        if self._part == "":
            self._record = replace(record, message=record.message + text)
        elif self._part == "DETAIL":
            self._record = replace(record, detail=record.detail + text)

    def _made(self, parts: dict[str, str | None], line: str) -> Record:
        host, port = _remote(parts)
        session, pid = parts.get("session"), parts.get("pid")
        if session is not None:
            pid = str(int(session.partition(".")[2], 16))
        return Record(
            offset=self._at,
            severity=str(parts["severity"]),
            message=str(parts["message"]),
            time=self._time(parts),
            sqlstate=parts.get("sqlstate") or parts.get("verbose"),
            session=session or (None if pid is None else f"pid {pid}"),
            pid=None if pid is None else int(pid),
            user=_known(parts.get("user")),
            database=_known(parts.get("database")),
            host=host,
            port=port,
            doubtful=self._at < self._doubtful_until or self._prefix.is_ambiguous(line),
            forgeable=self._prefix.forgeable,
        )

    def _time(self, parts: dict[str, str | None]) -> datetime | None:
        epoch, text = parts.get("epoch"), parts.get("time")
        if epoch is not None:
            return datetime.fromtimestamp(float(epoch), UTC)
        return None if text is None else moment(text, self._zone)


def _remote(parts: dict[str, str | None]) -> tuple[str | None, int | None]:
    remote = parts.get("remote")
    if remote:
        host, bracket, rest = remote.partition("(")
        return host or None, int(rest[:-1]) if bracket else None
    return parts.get("host") or None, None


def _known(text: str | None) -> str | None:
    return None if text in {None, "", "[unknown]"} else text
