"""How a connector fares: as facts for ``status``, as checks for ``/readyz``, as metrics. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pgward.system.exposition import Kind, Sample, family

_PREFIX: Final = "pgward_connector"


@dataclass(frozen=True, slots=True)
class Report:
    """One look at all of it; ``integrations`` are each keeper's facts."""

    name: str
    pid: int
    connected: bool
    problem: str | None
    version: int
    reports_waiting: int
    integrations: Sequence[Mapping[str, Any]]

    @property
    def ok(self) -> bool:
        """Whether every server is as it should be, and the CA is there."""
        return self.connected and all(each["ok"] for each in self.integrations)

    def facts(self) -> dict[str, Any]:
        """Return all that an administrator may know."""
        return {
            "ok": self.ok,
            "name": self.name,
            "pid": self.pid,
            "connected": self.connected,
            "problem": self.problem,
            "version": self.version,
            "reports_waiting": self.reports_waiting,
            "integrations": [dict(each) for each in self.integrations],
        }

    def checks(self) -> dict[str, Any]:
        """Return what anyone may know: names and states."""
        checks = {"ca": "ok" if self.connected else "away"}
        checks |= {str(each["integration"]): str(each["state"]) for each in self.integrations}
        return {"status": "ok" if self.ok else "failed", "checks": checks}

    def metrics(self) -> str:
        """Return it in Prometheus' text format."""
        every = [({"integration": str(each["integration"])}, each) for each in self.integrations]
        families: list[tuple[str, Kind, str, list[Sample]]] = [
            ("connected", "gauge", "1 while the CA is there.", [({}, self.connected)]),
            (
                "reports_waiting",
                "gauge",
                "Reports on disk that the CA does not have yet.",
                [({}, self.reports_waiting)],
            ),
            (
                "integration_ok",
                "gauge",
                "1 while the server is as it should be.",
                [(labels, each["ok"]) for labels, each in every],
            ),
            (
                "grants",
                "gauge",
                "Grants that are live.",
                [(labels, each["grants"]) for labels, each in every],
            ),
            (
                "turns_total",
                "counter",
                "How often a server was looked at.",
                [(labels, each["turns"]) for labels, each in every],
            ),
        ]
        return "".join(
            family(f"{_PREFIX}_{name}", kind, text, samples)
            for name, kind, text, samples in families
        )
