"""How the agent fares: as facts for ``--status``, as checks for ``/readyz``, as metrics. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgward.core.clock import rfc3339
from pgward.hba.agent.runner import Standing
from pgward.system.exposition import Kind, Sample, family

BY_SERIAL = "serial number"
BY_PERSON = "person and time: PostgreSQL 11 tells no serial number"
_PREFIX = "pgward_hba_agent"


@dataclass(frozen=True, slots=True)
class Report:
    """One look at all duties. ``refuses_at`` is when everyone will be refused, if nothing comes.

    ``ends_by`` says by what it tells sessions apart.
    """

    host: str
    pid: int
    connected: bool
    duties: Sequence[Standing]
    sessions_ended: int
    refuses_at: datetime | None
    alarm_step: int
    events_waiting_bytes: int
    ends_by: str = BY_SERIAL

    @property
    def ok(self) -> bool:
        """Whether every duty is done."""
        return all(each.ok for each in self.duties)

    def facts(self) -> dict[str, Any]:
        """Return all that an administrator may know."""
        return {
            "ok": self.ok,
            "host": self.host,
            "pid": self.pid,
            "connected": self.connected,
            "ends_by": self.ends_by,
            "sessions_ended": self.sessions_ended,
            "refuses_at": None if self.refuses_at is None else rfc3339(self.refuses_at),
            "alarm_step": self.alarm_step,
            "events_waiting_bytes": self.events_waiting_bytes,
            "duties": [
                {
                    "name": each.name,
                    "ok": each.ok,
                    "turns": each.turns,
                    "failures": each.failures,
                    "last_good": None if each.last_good is None else rfc3339(each.last_good),
                    "problems": list(each.problems),
                }
                for each in self.duties
            ],
        }

    def checks(self) -> dict[str, Any]:
        """Return what anyone may know: names and states, as the CA's ``/readyz`` does."""
        checks = {each.name: "ok" if each.ok else "failed" for each in self.duties}
        return {"status": "ok" if self.ok else "failed", "checks": checks}

    def metrics(self) -> str:
        """Return it in Prometheus' text format."""
        duties = [({"duty": each.name}, each) for each in self.duties]
        refuses: list[Sample] = []
        if self.refuses_at is not None:
            refuses = [({}, self.refuses_at.timestamp())]
        families: list[tuple[str, Kind, str, list[Sample]]] = [
            ("duty_ok", "gauge", "1 while a duty is done.", [(n, d.ok) for n, d in duties]),
            ("turns_total", "counter", "Turns of a duty.", [(n, d.turns) for n, d in duties]),
            (
                "failures_total",
                "counter",
                "Turns of a duty with a problem.",
                [(n, d.failures) for n, d in duties],
            ),
            ("connected", "gauge", "1 while the CA tells its news.", [({}, self.connected)]),
            (
                "sessions_ended_total",
                "counter",
                "Database sessions that were told to end.",
                [({}, self.sessions_ended)],
            ),
            (
                "refuses_at_timestamp_seconds",
                "gauge",
                "When everyone is refused if nothing newer comes, in seconds since 1970.",
                refuses,
            ),
            (
                "alarm_step",
                "gauge",
                "0 while all is well, 10 when everyone is refused.",
                [({}, self.alarm_step)],
            ),
            (
                "events_waiting_bytes",
                "gauge",
                "Audit events on disk that the CA does not have yet.",
                [({}, self.events_waiting_bytes)],
            ),
        ]
        return "".join(
            family(f"{_PREFIX}_{name}", kind, text, samples)
            for name, kind, text, samples in families
        )
