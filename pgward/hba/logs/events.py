"""Audit events of attempts, in the words that an edge uses for its own sessions.

An id follows from where the attempt stands in the log: what is read twice is recorded once.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, cast

from pgward.audit.events import AuditEvent
from pgward.core.names import UNKNOWN
from pgward.hba.logs.flood import Flood
from pgward.hba.logs.joining import Attempt

OPEN, CLOSE = "session.open", "session.close"
_COMMON_NAME = re.compile(r"(?:^|[,/+])CN=([^,/+]+)", re.IGNORECASE)
_MAX = 300
_DOUBT = (
    "a client may have written this line of the log: a name with a line break, or like one of its "
    "lines, stands here; csvlog and jsonlog cannot be deceived so"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a session: the name in it, and its serial number in hex."""

    name: str | None
    serial: str | None


class Certificates(Protocol):
    """Knows the certificates of live sessions (pg_stat_ssl), where the log does not tell."""

    def of(self, pid: int, session: str | None) -> Certificate | None:
        """Return the certificate of a server process, if it is known."""
        ...


class NoCertificates:
    """Knows none."""

    def of(self, _pid: int, _session: str | None) -> Certificate | None:
        """Return None."""
        return None


class EventMaker:
    """Makes events for one host; those of one file, whose ``key`` is in each id."""

    def __init__(self, host: str, key: str, certificates: Certificates | None = None) -> None:
        self._host = host
        self.key = key
        self._certificates = certificates or NoCertificates()
        self.flood = Flood()

    def make(self, attempt: Attempt, now: datetime) -> AuditEvent | None:
        """Return the event of an attempt; None for a refusal too many.

        ``now`` is for a log that does not say when.
        """
        when = attempt.time or now
        address = _address(attempt)
        refused = attempt.outcome != "ok" or attempt.doubtful
        if refused and not self.flood.take(attempt.host or "", when):
            return None
        details = self._details(attempt)
        certificate = self._certificate(attempt)
        actor = (certificate.name if certificate else None) or _name(attempt)
        if certificate is not None and certificate.serial is not None:
            details["serial"] = certificate.serial
        if refused and self.flood.unrecorded:
            details["unrecorded_before"] = self.flood.told()
        if attempt.doubtful:
            details["doubtful"] = True
        elif attempt.forgeable and attempt.outcome == "ok":
            details["forgeable"] = True
        return AuditEvent(
            id=f"pg-{self.key}-{attempt.offset:x}-{'c' if attempt.closed else 'o'}",
            time=when,
            actor=UNKNOWN if attempt.doubtful else _clean(actor),
            action=CLOSE if attempt.closed else OPEN,
            outcome=cast("Literal['ok', 'denied', 'failed']", attempt.outcome),
            target=_clean(f"{self._host}/{attempt.database}" if attempt.database else self._host),
            reason=_clean(_DOUBT if attempt.doubtful else attempt.reason) or None,
            client=_clean(address) or None,
            details=details,
        )

    def summary(self, offset: int, now: datetime) -> AuditEvent | None:
        """Return what tells of refusals that were not recorded, when there were any."""
        count = self.flood.told()
        if not count:
            return None
        return AuditEvent(
            id=f"pg-{self.key}-{offset:x}-s",
            time=now,
            actor=UNKNOWN,
            action=OPEN,
            outcome="denied",
            target=_clean(self._host),
            reason="so many more were turned away",
            details={"host": self._host, "code": "flood", "unrecorded_before": count},
        )

    def _certificate(self, attempt: Attempt) -> Certificate | None:
        if attempt.pid is None or attempt.closed or attempt.outcome != "ok" or attempt.doubtful:
            return None
        return self._certificates.of(attempt.pid, attempt.session)

    def _details(self, attempt: Attempt) -> dict[str, Any]:
        found: dict[str, Any] = {
            "host": self._host,
            "code": attempt.code or None,
            "role": attempt.user,
            "database": attempt.database,
            "identity": attempt.identity,
            "method": attempt.method,
            "line": attempt.line,
            "session": attempt.session,
            "session_time": attempt.seconds,
            **attempt.tls,
        }
        if attempt.replication:
            found["replication"] = True
        return {
            name: _clean(value) if isinstance(value, str) else value
            for name, value in found.items()
            if value is not None
        }


def _name(attempt: Attempt) -> str:
    """Return who it was: whoever proved it, or is in; a mere claim is nobody's name."""
    if attempt.identity:
        found = _COMMON_NAME.search(attempt.identity)
        return found[1] if found is not None else attempt.identity
    return attempt.user or UNKNOWN if attempt.outcome == "ok" else UNKNOWN


def _address(attempt: Attempt) -> str:
    host = attempt.host or ""
    if attempt.port is None:
        return host
    return f"[{host}]:{attempt.port}" if ":" in host else f"{host}:{attempt.port}"


def _clean(text: str | None) -> str:
    """Return a text without what could disguise itself where it is shown."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in text or "")
    return shown[:_MAX]
