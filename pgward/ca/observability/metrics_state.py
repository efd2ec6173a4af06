"""Metrics of what is in the store, read when somebody asks for them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography import x509
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.engine import Connection

from pgward.ca.authority import Authority
from pgward.ca.notices.queueing import WAITING
from pgward.ca.records import Kind
from pgward.ca.revoking import crl_health
from pgward.ca.store import Store
from pgward.ca.store.schema import join_tokens, login_sessions, machines
from pgward.ca.store.schema_notices import notice_deliveries
from pgward.core.errors import PgwardError

KEPT_SECONDS = 5.0  # scrapes that come sooner get the same: the store has other work
_CONNECTED = timedelta(seconds=75)  # an edge asks every 30 s, and that is noted every 20 s
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class StateCollector:
    """A prometheus_client collector; when the store is away it says so, and gives the rest."""

    authority: Authority
    store: Store
    certificate_ends: Callable[[], datetime]
    is_leader: Callable[[], bool] = lambda: True
    monotonic: Callable[[], float] = time.monotonic
    _kept: list[Metric] = field(default_factory=list)
    _until: float = 0.0
    _entries: dict[tuple[str, int], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def describe(self) -> list[Metric]:
        """Say nothing, so that registering it does not read the store."""
        return []

    def collect(self) -> list[Metric]:
        """Return the metrics."""
        with self._lock:
            if self.monotonic() >= self._until:
                self._kept = list(self._collect())
                self._until = self.monotonic() + KEPT_SECONDS
            return self._kept

    def _collect(self) -> Iterator[Metric]:
        up = 1
        try:
            yield from self._stored()
            yield from self._crls()
        except PgwardError as error:
            _log.warning("the metrics lack what the store knows: %s", error.message)
            up = 0
        yield _gauge("store_up", "1 while the store answers", up)
        yield _gauge("leader", "1 in the process that makes CRLs and cleans up", self.is_leader())
        ends = self.certificate_ends().timestamp()
        yield _gauge("api_certificate_end_timestamp_seconds", "end of the API's certificate", ends)
        family = _family("certificate_end_timestamp_seconds", "end of each CA's certificate", "ca")
        for each in self.authority.standing.generations.all:
            if each.is_trusted:  # nobody needs to hear of a retired one's end
                end = each.certificate.not_valid_after_utc
                family.add_metric([each.id], end.timestamp())
        yield family

    def _stored(self) -> Iterator[Metric]:
        now = self.authority.clock.now()
        sessions, tokens = login_sessions.c, join_tokens.c
        edge = machines.c.kind == Kind.EDGE.value
        with self.store.read() as connection:
            yield _gauge(
                "sessions",
                "login sessions that live",
                _count(connection, sessions.ended_at.is_(None), sessions.expires_at > now),
            )
            yield _gauge(
                "join_tokens",
                "join tokens not used yet",
                _count(connection, tokens.used_at.is_(None), tokens.expires_at > now),
            )
            waiting = notice_deliveries.c.state == WAITING
            yield _gauge(
                "notices_waiting",
                "messages about access requests that wait",
                _count(connection, waiting),
            )
            yield _gauge("edges", "edges that enrolled", _count(connection, edge))
            seen = machines.c.last_seen_at > now - _CONNECTED
            yield _gauge(
                "edges_connected", "edges that asked lately", _count(connection, edge, seen)
            )

    def _crls(self) -> Iterator[Metric]:
        ends = _family("crl_next_update_timestamp_seconds", "when each CA's CRL ends", "ca")
        begins = _family("crl_this_update_timestamp_seconds", "when each CA's CRL began", "ca")
        entries = _family("crl_entries", "certificates in each CA's CRL", "ca")
        state = _family("crl_state", "0 ok, 1 warning, 2 critical", "ca")
        now = self.authority.clock.now()
        counted: dict[tuple[str, int], int] = {}
        for crl in self.authority.crls():
            ends.add_metric([crl.name], crl.next_update.timestamp())
            begins.add_metric([crl.name], crl.this_update.timestamp())
            health = crl_health.judge(crl.name, crl_health.Times.of(crl), now)
            state.add_metric([crl.name], health.state.rank)
            count = self._entries.get((crl.name, crl.number))
            if count is None:
                count = len(x509.load_der_x509_crl(crl.der))
            counted[crl.name, crl.number] = count
            entries.add_metric([crl.name], count)
        self._entries = counted
        yield from (ends, begins, entries, state)


def _count(connection: Connection, *conditions: sa.ColumnElement[bool]) -> int:
    statement = sa.select(sa.func.count()).where(*conditions)
    return int(connection.execute(statement).scalar_one())


def _family(name: str, what: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pgward_ca_{name}", what, labels=[label])


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pgward_ca_{name}", what, value=value)
