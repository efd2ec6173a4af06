"""All that Prometheus is told of an edge. Labels are words of the configuration, never of clients.

What workers count is on the board, what the auditor and the watch of the databases know is in
their files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pgward import __version__
from pgward.core.errors import PgwardError
from pgward.system.exposition import Kind, Sample, family
from pgward.tunnel.edge.auditor import status as auditor_status
from pgward.tunnel.edge.auditor.settings import PLACE
from pgward.tunnel.edge.metrics.board import METRICS, Board, Metric
from pgward.tunnel.edge.upstreams import health_file

_PREFIX = "pgward_edge_"
Family = tuple[str, Kind, str, list[Sample]]


@dataclass(frozen=True, slots=True)
class Ends:
    """Until when an edge can serve: its certificate, and what it knows of revocations."""

    certificate: datetime
    revocations: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One edge's."""

    directory: Path
    board: Board
    workers: int
    ends: Callable[[], Ends]

    def text(self) -> bytes:
        """Return all metrics."""
        made = (
            family(f"{_PREFIX}{name}", kind, text, samples)
            for name, kind, text, samples in self._families()
        )
        return "".join(made).encode()

    def _families(self) -> Iterator[Family]:
        yield _one("build_info", "gauge", "The version that runs.", 1, version=__version__)
        yield _one("workers", "gauge", "Processes that serve.", self.workers)
        yield from (self._counted(each) for each in METRICS)
        yield from _ends(self.ends())
        yield from _databases(health_file.read(self.directory))
        yield from _audit(_status(self.directory / PLACE))

    def _counted(self, metric: Metric) -> Family:
        samples: list[Sample] = [
            (
                {metric.label: value} if metric.label else {},
                self.board.total(metric, value) / metric.parts,
            )
            for value in metric.values
        ]
        return metric.name, metric.kind, metric.text, samples


def _one(name: str, kind: Kind, text: str, value: float, **labels: str) -> Family:
    return name, kind, text, [(labels, value)]


def _ends(ends: Ends) -> Iterator[Family]:
    text = "Number of the configuration that is served."
    yield _one("configuration_version", "gauge", text, ends.version)
    text = "End of the edge's own certificate."
    end = ends.certificate.timestamp()
    yield _one("certificate_end_timestamp_seconds", "gauge", text, end)
    if ends.revocations is not None:
        text = "When everyone is refused if no newer revocation list comes."
        end = ends.revocations.timestamp()
        yield _one("revocations_end_timestamp_seconds", "gauge", text, end)


def _databases(known: health_file.Kept | None) -> Iterator[Family]:
    if known is None:
        return
    samples: list[Sample] = [
        ({"service": each.service, "address": each.address}, each.problem is None)
        for each in known.servers
    ]
    yield "database_up", "gauge", "1 while a server behind a service answers.", samples
    text = "When the servers were asked last."
    yield _one("database_asked_timestamp_seconds", "gauge", text, known.asked_at.timestamp())


def _status(place: Path) -> dict[str, Any] | None:
    try:
        return auditor_status.load(place)
    except PgwardError:
        return None  # then these metrics are missing, for which one can alert as well


def _audit(status: Mapping[str, Any] | None) -> Iterator[Family]:
    if status is None:
        return
    text = "Records made since the auditor's start."
    yield _one("audit_records_total", "counter", text, status["records"])
    text = "What was said and is no record yet."
    yield _one("audit_tape_bytes", "gauge", text, status["tape_bytes"])
    text = "Chunks of records on disk."
    yield _one("audit_chunk_bytes", "gauge", text, status["chunk_bytes"])
    text = "Tapes that cannot be read, and are left alone."
    yield _one("audit_unreadable_tapes", "gauge", text, len(status.get("unreadable") or ()))
    text = "Chunks that the CA refused for good, and that are set aside."
    yield _one("audit_refused_chunks", "gauge", text, status.get("refused") or 0)
    targets = status["targets"].items()
    waiting: list[Sample] = [({"target": name}, each["chunks"]) for name, each in targets]
    yield "audit_chunks_waiting", "gauge", "Chunks that wait for a target.", waiting
    failing: list[Sample] = [({"target": name}, bool(each["problem"])) for name, each in targets]
    yield "audit_target_failing", "gauge", "1 while a target takes nothing.", failing
