"""Facts for one service, good for a connection now; many threads may ask."""

import contextlib
import logging
import os
import socket
import threading
import time
import weakref
from pathlib import Path

from pgward.client.config.facts import Facts
from pgward.client.services import ServiceInfo
from pgward.core.clock import SystemClock
from pgward.core.errors import UnavailableError
from pgward.programs import own_tunnel
from pgward.programs.finder import Finder
from pgward.system.paths import pgward_home
from pgward.tunnel.agent.client import AgentAwayError, ask
from pgward.tunnel.local.catalog import RENEW_BEFORE
from pgward.tunnel.local.registry import Running

log = logging.getLogger("pgward.programs")

STOP_SECONDS = 10.0
PROBE_SECONDS = 2.0
KNOWN_SECONDS = 300.0  # so long a service is taken for what the CA said that it is
_all: "weakref.WeakSet[Connector]" = weakref.WeakSet()


class Connector:
    """The way to one service, through a tunnel or natively, for this process."""

    def __init__(
        self,
        service: str,
        *,
        home: Path | None = None,
        native: bool = False,
        host: str | None = None,
        port: int = 5432,
    ) -> None:
        self.service = service
        self._home = home or pgward_home()
        self._native = native
        self._host = host
        self._port = port
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._finder: Finder | None = None
        self._known: ServiceInfo | None = None
        self._known_until = 0.0
        self._own: Running | None = None

    def facts(self) -> Facts:
        """Return where to connect now, with a certificate that lives and an open tunnel.

        Asks the CA, starts a process or waits, if need be: not for an event loop's thread.
        Raises LoginNeededError, NotFoundError, DeniedError, UnavailableError.
        """
        with self._lock:
            finder = self._found()
            service = self._service(finder)
            if self._native:
                return finder.native(service, self._host, self._port)
            return finder.tunnel(service, self._tunnel(finder, service).port)

    def lost(self, facts: Facts) -> bool:
        """Tell whether the tunnel that these facts lead to ended meanwhile; waits for no answer.

        Then ``facts`` opens another one.
        """
        if self._native:
            return False
        try:
            with socket.create_connection((facts.target, facts.port), PROBE_SECONDS):
                return False
        except ConnectionRefusedError:
            pass
        except OSError:
            return False
        with self._lock:
            if self._own is not None and self._own.port == facts.port:
                self._own = None
        return True

    def close(self) -> None:
        """End this process's own tunnel, if it opened one, and with it what goes through it."""
        with self._lock:
            own, self._own = self._own, None
            finder, self._finder = self._finder, None
            self._known = None
        if finder is not None:
            finder.close()
        if own is not None:
            own.process.stop(timeout=STOP_SECONDS)

    def forget(self) -> None:
        """Begin anew in a forked child, where locks may be held by threads that are not there.

        What the parent has open is left alone: to close it here would end it there.
        """
        _parents.append((self._lock, self._finder, self._own))
        self._begin()

    def _found(self) -> Finder:
        if self._finder is None:
            self._finder = Finder(self._home, log.warning)
        else:
            self._renewed(self._finder)
        return self._finder

    def _renewed(self, finder: Finder) -> None:
        try:
            finder.session.ensure_certificate(RENEW_BEFORE)
        except UnavailableError:
            if finder.session.not_after <= SystemClock().now():
                raise

    def _service(self, finder: Finder) -> ServiceInfo:
        now = time.monotonic()
        if self._known is None or now >= self._known_until:
            self._known = finder.service(self.service)
            self._known_until = now + KNOWN_SECONDS
        return self._known

    def _tunnel(self, finder: Finder, service: ServiceInfo) -> Running:
        """Return a tunnel that is open, one that the agent opens, or one of our own."""
        running = finder.running(service)
        if running is not None:
            return running
        if self._own is not None and self._own.process.alive():
            return self._own
        self._own = None
        with contextlib.suppress(AgentAwayError):
            answer = ask(self._home, "connect", service=service.name, port=None, socket=False)
            held = Running.read(answer["running"])
            if not held.host.startswith("/"):  # on a Unix socket not every driver finds it
                return held
        self._own = own_tunnel.open_for(os.getpid(), service.name, self._home)
        return self._own


_parents: list[object] = []  # kept, lest their end closes what the parent process still uses


def _forget_all() -> None:
    for connector in list(_all):
        connector.forget()


with contextlib.suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget_all)
