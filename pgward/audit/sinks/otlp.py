"""An OpenTelemetry sink: lines as log records by OTLP/HTTP, in its JSON encoding.

A record's body is its whole line, so that what arrives can be verified; some fields are attributes
as well, to be searched. (https://opentelemetry.io/docs/specs/otlp/, sections OTLP/HTTP and JSON.)
"""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from pgward import __version__
from pgward.audit.sinks import tls
from pgward.audit.sinks.http import Poster
from pgward.audit.sinks.sink import SinkUrl
from pgward.core.clock import parse_rfc3339

log = logging.getLogger("pgward.auditor")

OPTIONS: Final = tls.OPTIONS | {"header"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
_SEVERITIES = {"ok": _INFO, "error": _WARN, "denied": _WARN, "unknown": _ERROR}
_ATTRIBUTES = ("id", "type", "session", "user", "service", "database", "role", "client", "status")


class OtlpSink:
    """Exports each batch as one request."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    @classmethod
    def of(cls, url: SinkUrl) -> Self:
        """Make it of ``otlp+https://HOST:4318/v1/logs#header=file:PATH``; raise InvalidInputError.

        The file (or ``env:NAME``) holds one header, ``Name: value``, that lets us in.
        """
        headers = {"Content-Type": "application/json"}
        if (secret := url.secret("header")) is not None:
            name, _, value = secret.decode("latin-1").partition(":")
            headers[name.strip()] = value.strip()
        return cls(Poster(url, headers))

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Export lines; raise SinkError."""
        answer = self._poster.post(encode(lines), {})
        if rejected := _rejected(answer):
            # The protocol says that these must not be sent again.
            log.error("the OTLP receiver rejected %d records of %d", rejected, len(lines))

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()


def encode(lines: Sequence[bytes]) -> bytes:
    """Return an ExportLogsServiceRequest of lines."""
    scope = {"name": "pgward.audit", "version": __version__}
    logs = {"scope": scope, "logRecords": [_record(line) for line in lines]}
    resource = {"attributes": [_attribute("service.name", "pgward-edge")]}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [logs]}]}
    return json.dumps(request, separators=(",", ":")).encode()


def _record(line: bytes) -> dict[str, Any]:
    fields = json.loads(line)
    number, text = _SEVERITIES.get(fields.get("status"), _INFO)
    named = ((name, fields.get(name)) for name in _ATTRIBUTES)
    return {
        "timeUnixNano": _nanoseconds(fields.get("time")),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": line.decode()},
        "attributes": [_attribute(f"pgward.{name}", str(value)) for name, value in named if value],
    }


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


def _nanoseconds(text: object) -> str:
    """Return a time as OTLP's JSON writes 64 bits: as text."""
    try:
        moment = parse_rfc3339(text if isinstance(text, str) else "")
    except ValueError:
        return "0"
    return str((moment - _EPOCH) // _MICROSECOND * 1000)


def _rejected(answer: bytes) -> int:
    try:
        return int(json.loads(answer)["partialSuccess"]["rejectedLogRecords"])
    except (ValueError, KeyError, TypeError):
        return 0
