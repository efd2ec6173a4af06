"""What watches `ca serve`, as its settings say: metrics with their listener, and traces."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sized
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from pgward.ca import observe
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.authority import Authority
from pgward.ca.http import listener
from pgward.ca.observability.metrics import Metrics
from pgward.ca.observability.metrics_state import StateCollector
from pgward.ca.store import Store
from pgward.core.address import Address
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system.metrics_server import MetricsServer


@dataclass(frozen=True, slots=True)
class Observing:
    """What watches; without metrics there is no ``listening`` socket."""

    metrics: Metrics | None = None
    listening: socket.socket | None = None

    @property
    def address(self) -> Address | None:
        """Where the metrics are."""
        return listener.bound_address(self.listening) if self.listening else None

    def watch_connections(self, waiting: Sized) -> None:
        """Show how many connections wait for their peer."""
        if self.metrics is not None:
            what = "connections whose peer has still to say something"
            self.metrics.gauge("connections_waiting", what, lambda: len(waiting))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the metrics as long as the context is open."""
        if self.metrics is None or self.listening is None:
            yield
            return
        server = MetricsServer(self.listening, self.metrics.text)
        await server.start()
        try:
            yield
        finally:
            await server.stop()


@contextmanager
def observing(
    authority: Authority,
    store: Store,
    certificate: ApiCertificate,
    *,
    leads: Callable[[], bool] = lambda: True,
) -> Iterator[Observing]:
    """Watch this process as long as the context is open; raise PgwardError when that cannot be."""
    settings = authority.settings
    with ExitStack() as stack:
        if settings.logging.traces == "otlp":
            _trace(stack)
        if not settings.listen.metrics:
            yield Observing()
            return
        listening = stack.enter_context(_bind(Address.parse(settings.listen.metrics)))
        metrics = Metrics()
        state = StateCollector(authority, store, lambda: certificate.not_after, is_leader=leads)
        metrics.registry.register(state)
        stack.callback(observe.watch(metrics))
        yield Observing(metrics, listening)


def _trace(stack: ExitStack) -> None:
    try:
        from pgward.ca.observability.tracing import Tracing  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise InvalidInputError(
            "the traces' libraries are not installed", hint="pip install 'pgward[otel]'"
        ) from error
    tracing = Tracing()
    stack.callback(tracing.close)
    stack.callback(observe.watch(tracing))


def _bind(address: Address) -> socket.socket:
    try:
        return listener.bind(address)
    except PgwardError as error:
        hint = "give another --metrics HOST:PORT, or metrics in [listen] of pgward.toml"
        raise type(error)(f"metrics: {error.message}", hint=hint) from error
