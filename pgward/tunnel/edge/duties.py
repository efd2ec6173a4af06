"""What the CA asks of this edge in a rotation: renew, try its own door, report.

The door is tried as a client does it, over TCP and with TLS, by this worker's own context and
configuration: another worker of the edge may answer on the port.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from pgward.client.duties import Duties, Order, Part, Probe, ProbeError, check_presented
from pgward.client.machine import Machine
from pgward.core.errors import PgwardError
from pgward.tunnel import preface
from pgward.tunnel.preface import EXPLANATIONS, PrefaceError, Reason, RefusedError

log = logging.getLogger("pgward.edge")

_SERVICE = "pgward-probe"  # no service is asked for: the answer is a refusal, or a worse one
_SECONDS = 10.0
_PAUSE = 2.0
_LONGEST_PAUSE = 120.0
Call = Callable[[Callable[[], object]], object]


class EdgeDuties:
    """Carries out orders from the feed's thread; ``call`` runs something on the event loop."""

    def __init__(
        self,
        machine: Machine,
        part: Part,
        *,
        call: Call,
        version: Callable[[], int],
        admit: Callable[[socket.socket, str], object],
        on_renewed: Callable[[], object],
    ) -> None:
        self._machine = machine
        self._duties = Duties(machine, part)
        self._call = call
        self._version = version
        self._admit = admit
        self._on_renewed = on_renewed
        self._failed: tuple[Order, ...] = ()
        self._pause = _PAUSE
        self._not_before = 0.0

    def run(self) -> bool:
        """Do all that is asked; tell whether nothing is left to do.

        What failed is tried again after a while only, as each probe is a certificate; what is
        asked anew is tried at once, and what came after the snapshot at hand with the next one.
        """
        asked = self._duties.ask()
        again = bool(self._failed) and asked.orders == self._failed
        if again and time.monotonic() < self._not_before:
            return False
        if asked.renew:
            # Another worker may have renewed it: what is on disk is asked about first.
            if not self._machine.reload():
                self._machine.renew()
            self._on_renewed()
            asked = self._duties.ask()
        self._wait_for_loop()
        due = [order for order in asked.orders if order.version <= self._version()]
        problems = [self._duties.carry_out(order, self._show) for order in due]
        for problem in filter(None, problems):
            log.warning("not ready for the CA's next step: %s", problem)
        self._remember(asked.orders if any(problems) else ())
        return not (asked.renew or any(problems) or len(due) < len(asked.orders))

    def _remember(self, failed: tuple[Order, ...]) -> None:
        again = bool(failed) and failed == self._failed
        self._pause = min(2 * self._pause, _LONGEST_PAUSE) if again else _PAUSE
        self._not_before = time.monotonic() + self._pause
        self._failed = failed

    def _show(self, order: Order) -> None:
        if order.need == "client-probe":
            self._knock(self._duties.probe(order))
        elif order.need == "present":
            check_presented(self._knock(None), order)

    def _knock(self, probe: Probe | None) -> bytes:
        """Connect to our own door; return the certificate that it presents.

        With a probe, raise ProbeError unless it is known and merely not entitled.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is us; who it says it is, is looked at
        context.set_alpn_protocols([preface.ALPN])
        with ExitStack() as stack:
            if probe is not None:
                context.load_cert_chain(stack.enter_context(probe.file()))
            plain = stack.enter_context(self._connection())
            try:
                tls = stack.enter_context(context.wrap_socket(plain))
                der = tls.getpeercert(binary_form=True) or b""
                if probe is not None:
                    tls.sendall(preface.request(_SERVICE))
                    _check_refusal(tls.recv(preface.MAX_LINE))
            except (OSError, PrefaceError) as error:
                reason = getattr(error, "reason", None) or error
                raise ProbeError(f"it does not let clients of the new CA in: {reason}") from error
        return der

    def _connection(self) -> socket.socket:
        """Return a TCP connection whose other end stands before our door."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ours = socket.create_connection(listener.getsockname(), timeout=_SECONDS)
            theirs, address = listener.accept()
        if address != ours.getsockname():
            theirs.close()
            ours.close()
            raise PgwardError("a stranger came between")
        self._call(lambda: self._admit(theirs, "probe"))
        return ours

    def _wait_for_loop(self) -> None:
        """Wait until the loop has done what it was told before: adopt the configuration."""
        done = threading.Event()
        self._call(done.set)
        done.wait(_SECONDS)


def _check_refusal(line: bytes) -> None:
    """See that the door knew the probe's CA, and refused for want of a right only."""
    try:
        preface.read_answer(line)
    except RefusedError as refusal:
        if (refusal.reason, refusal.message) == (Reason.DENIED, EXPLANATIONS[Reason.DENIED][0]):
            return
        raise ProbeError(f"it does not let clients of the new CA in: {refusal.message}") from None
    raise ProbeError("it let nobody in as somebody")
