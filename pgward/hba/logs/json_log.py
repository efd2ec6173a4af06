"""jsonlog (from version 15 on): an object a line."""

import json
from datetime import UTC, tzinfo
from typing import Any

from pgward.hba.logs.record import FATAL, INTERESTING, MAX_RECORD, Record, moment


class JsonReader:
    """Fed bytes, gives records."""

    def __init__(self, offset: int = 0, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._rest = b""
        self._at = offset
        self._skipping = False

    @property
    def position(self) -> int:
        """Where to read on from."""
        return self._at

    def feed(self, data: bytes) -> list[Record]:
        """Return what became whole."""
        found: list[Record] = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            record = None
            if not self._skipping and INTERESTING.search(line):
                record = self._made(line)
            if record is not None:
                found.append(record)
            self._skipping = False
            self._at += len(line) + 1
        if len(self._rest) > MAX_RECORD:
            self._at += len(self._rest)
            self._rest, self._skipping = b"", True
        return found

    def flush(self) -> list[Record]:
        """Return nothing: what is not whole yet, comes."""
        return []

    def _made(self, line: bytes) -> Record | None:
        try:
            fields = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        written = _text(fields, "context") or _text(fields, "statement")
        if written and fields.get("error_severity") != FATAL:
            return None
        pid, port = fields.get("pid"), fields.get("remote_port")
        return Record(
            offset=self._at,
            severity=_text(fields, "error_severity") or "",
            message=_text(fields, "message") or "",
            time=moment(_text(fields, "timestamp") or "", self._zone),
            detail=_text(fields, "detail") or "",
            sqlstate=_text(fields, "state_code") or "00000",  # left out where it says nothing
            session=_text(fields, "session_id"),
            pid=pid if isinstance(pid, int) else None,
            user=_text(fields, "user"),
            database=_text(fields, "dbname"),
            host=_text(fields, "remote_host"),
            port=port if isinstance(port, int) else None,
        )


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
