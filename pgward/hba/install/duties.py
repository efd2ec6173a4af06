"""What the CA asks of this host in a rotation: try the running server with TLS, and report."""

from collections.abc import Callable, Sequence

from pgward.client.duties import Duties, Order, Probe, ProbeError, check_presented
from pgward.client.machine import Machine
from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.server import probe
from pgward.hba.server.datadir import Running


class HostDuties:
    """Carries out orders after material was installed; ``running`` finds the server."""

    def __init__(self, machine: Machine, running: Callable[[], Running | None]) -> None:
        self._duties = Duties(machine)
        self._running = running

    def run(self, orders: Sequence[Order]) -> list[str]:
        """Do what was asked before the material was got; return what was not right."""
        found = [self._duties.carry_out(order, self._show) for order in orders]
        return [problem for problem in found if problem is not None]

    def _show(self, order: Order) -> None:
        if order.need == "client-probe":
            self._let_in(self._duties.probe(order))
        elif order.need == "present":
            server, host = self._server()
            leaf = probe.presented(host, server.port, dial=server.access.dial)
            check_presented(leaf, order)

    def _let_in(self, made: Probe) -> None:
        server, host = self._server()
        with made.file() as path:
            try:
                # Once is enough: PostgreSQL takes a reload before it accepts the next connection.
                probe.with_certificate(host, server.port, path, dial=server.access.dial)
            except probe.NotTrustedError as error:
                raise ProbeError(
                    f"PostgreSQL does not accept certificates of the new CA: {error.message}"
                ) from error
            except UnavailableError as error:
                raise ProbeError(error.message) from error

    def _server(self) -> tuple[Running, str]:
        running = self._running()
        if running is None:
            raise ProbeError("PostgreSQL does not run there, so it cannot be tried")
        if running.host is None:
            raise ProbeError("PostgreSQL listens on no TCP port there, so it cannot be tried")
        return running, running.host


def attempt(act: Callable[[], list[str]]) -> list[str]:
    """Do it, but let nothing that fails undo what was installed; return what was not right."""
    try:
        return act()
    except PgwardError as error:
        return [error.message]
