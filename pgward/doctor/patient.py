"""What the checks look at, and what each leaves for those after it."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pgward.client.home import Home
from pgward.client.services import EdgeInfo, ServiceInfo
from pgward.client.session import Session
from pgward.client.trust import Trust
from pgward.core.address import Address
from pgward.core.clock import Clock
from pgward.doctor.network import Route
from pgward.doctor.wire import Transport


@dataclass
class Patient:
    """One person's way to PostgreSQL; ``seconds`` is how long one step on the network may take.

    ``direct`` is PostgreSQL's own address when no edge shall be on the way.
    """

    home: Home
    clock: Clock
    environ: Mapping[str, str]
    user_home: Path
    service_name: str | None = None
    direct: Address | None = None
    database: str | None = None
    seconds: float = 5.0
    trust: Trust | None = None
    session: Session | None = None
    service: ServiceInfo | None = None
    ca_route: Route | None = None
    ca_answers: bool = False
    edges: list[tuple[EdgeInfo, Route]] = field(default_factory=list)
    edge: EdgeInfo | None = None
    edge_route: Route | None = None
    edge_tls: ssl.SSLSocket | None = None
    upstream: Transport | None = None
    _opened: list[socket.socket] = field(default_factory=list)

    def opened(self, sock: socket.socket) -> None:
        """Take a socket that is to be closed in the end."""
        self._opened.append(sock)

    def close(self) -> None:
        """Close what the checks opened."""
        for sock in self._opened:
            sock.close()
        if self.session is not None:
            self.session.close()

    @property
    def is_aware(self) -> bool:
        """Whether the edge on the way speaks PostgreSQL itself."""
        return self.service is not None and self.service.is_aware and self.direct is None

    @property
    def ssl_mode(self) -> str:
        """How PostgreSQL, or an edge that speaks it, is to be checked."""
        if self.service is None or (self.service.is_aware and self.direct is not None):
            return "verify-full"
        return self.service.ssl_mode

    @property
    def server_name(self) -> str:
        """The name that PostgreSQL's certificate must have."""
        if self.service is not None and not (self.service.is_aware and self.direct is not None):
            return self.service.server_name
        return self.direct.host if self.direct is not None else ""

    def need_trust(self) -> Trust:
        """Return the pinned CA; a check before has found it."""
        assert self.trust is not None  # noqa: S101 - the order of checks sees to it
        return self.trust

    def need_session(self) -> Session:
        """Return the login session; a check before has found it."""
        assert self.session is not None  # noqa: S101 - as above
        return self.session

    def need_service(self) -> ServiceInfo:
        """Return the service; a check before has found it."""
        assert self.service is not None  # noqa: S101 - as above
        return self.service
