"""Metrics of one process in Prometheus's text format: what happens, as it happens.

Labels are fixed words: methods, route templates, statuses, kinds. What a stranger sent is
never among them, so the number of series is bounded. ``docs/reference/metrics.md`` lists all.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from pgward import __version__
from pgward.ca.observe import Labels
from pgward.core.errors import PgwardError, UnavailableError

# Long polls of edges last up to 30 s.
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_STEP_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10)
_PREFIX = "pgward_ca_"

Metric = TypeVar("Metric", Counter, Gauge, Histogram)


class Metrics:
    """Observes this process (`pgward.ca.observe`), and shows what it counted."""

    def __init__(self) -> None:
        # A second series for each, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._children: dict[tuple[str, ...], Any] = {}
        self._requests = self._make(
            Counter, "requests", "requests answered", "method", "route", "status"
        )
        self._request_seconds = self._make(
            Histogram, "request_seconds", "time to answer", "method", "route", of=_REQUEST_SECONDS
        )
        self._sign_seconds = self._make(
            Histogram, "sign_seconds", "time of a signature", "what", of=_STEP_SECONDS
        )
        self._write_seconds = self._make(
            Histogram, "store_write_seconds", "time of a writing transaction", of=_STEP_SECONDS
        )
        self._write_errors = self._make(
            Counter, "store_errors", "writing transactions that the store did not take"
        )
        self._events = self._counters()
        build = self._make(Gauge, "build_info", "the version that runs", "version")
        build.labels(__version__).set(1)

    def text(self) -> bytes:
        """Return all metrics; it asks the collectors, which may read the store."""
        return generate_latest(self.registry)

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Show what a function returns when it is asked."""
        self._make(Gauge, name, what).set_function(value)

    def event(self, name: str, labels: Labels, count: int) -> None:
        """Count it, if it is one of those that are counted."""
        for counter, by in self._events.get(name, ()):
            self._child(counter, *labels.values()).inc(by if by is not None else count)

    def step(self, name: str, labels: Labels) -> "_Timed":
        """Take its time."""
        return _Timed(self._ended, name, dict(labels))

    def _ended(self, name: str, labels: Labels, seconds: float, error: object) -> None:
        if name == "request" and "route" in labels:
            route = labels["method"], labels["route"]
            self._child(self._requests, *route, labels["status"]).inc()
            self._child(self._request_seconds, *route).observe(seconds)
        elif name == "sign" and error is None:
            self._child(self._sign_seconds, labels["what"]).observe(seconds)
        elif name == "store.write":
            self._write_seconds.observe(seconds)
            if isinstance(error, UnavailableError) or not isinstance(error, PgwardError | None):
                self._write_errors.inc()

    def _counters(self) -> dict[str, tuple[tuple[Counter, int | None], ...]]:
        """Return what each event adds to: one each time, or (None) its count."""
        make = self._make
        issued = make(Counter, "certificates_issued", "certificates issued", "kind")
        refused = make(Counter, "certificates_refused", "certificates not issued", "kind")
        revoked = make(Counter, "certificates_revoked", "certificates revoked", "reason")
        acts = make(Counter, "acts", "acts in the audit log, refused ones too", "action", "outcome")
        limited = make(Counter, "rate_limited", "requests refused as too many", "limit")
        batches = make(Counter, "issuance_batches", "commits in which certificates were stored")
        batched = make(Counter, "issuance_batched", "certificates stored in those commits")
        told = make(Counter, "notices", "notices of access requests", "channel", "outcome")
        return {
            "notice": ((told, None),),
            "issued": ((issued, None),),
            "refused": ((refused, None),),
            "revoked": ((revoked, None),),
            "act": ((acts, None),),
            "rate_limited": ((limited, None),),
            "issuance": ((batches, 1), (batched, None)),
        }

    def _make(
        self, kind: type[Metric], name: str, what: str, *labels: str, of: tuple[float, ...] = ()
    ) -> Metric:
        options: dict[str, Any] = {"buckets": of} if of else {}
        return kind(_PREFIX + name, what, labels, registry=self.registry, **options)

    def _child(self, metric: Any, *labels: str) -> Any:
        """Return a metric's child, which prometheus_client takes long to find."""
        if not labels:
            return metric
        key = (metric._name, *labels)  # noqa: SLF001 - its only name, and it is ours
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child


class _Timed:
    __slots__ = ("_began", "_ended", "_labels", "_name")

    def __init__(self, ended: Callable[..., None], name: str, labels: dict[str, str]) -> None:
        self._ended = ended
        self._name = name
        self._labels = labels

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def add(self, **labels: str) -> None:
        """Tell what is known only now."""
        self._labels |= labels

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended(self._name, self._labels, time.perf_counter() - self._began, error)
