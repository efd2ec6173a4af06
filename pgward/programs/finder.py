"""A person's services, and the facts of the way to each."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from pgward.client.config.facts import Facts
from pgward.client.services import ServiceInfo
from pgward.client.session import Session
from pgward.core.clock import SystemClock
from pgward.core.names import resource_name
from pgward.tunnel.local import ports
from pgward.tunnel.local.catalog import Catalog
from pgward.tunnel.local.registry import Registry, Running


class Finder:
    """Looks things up for whoever is logged in; LoginNeededError when nobody is."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self.session = Session.open(home)
        self.registry = Registry(home)
        self._catalog = Catalog(home, self.session, SystemClock(), say)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the CA."""
        self.session.close()

    def service(self, name: str) -> ServiceInfo:
        """Return a service, with a certificate that lives at hand; raise as ``Catalog.find``."""
        return self._catalog.find(name)

    def services(self) -> tuple[list[ServiceInfo], bool]:
        """Return all services by name, and whether that is what the CA says now."""
        services, fresh = self._catalog.current()
        for service in services:
            resource_name(service.name, what="service")
        return sorted(services, key=lambda each: each.name), fresh

    def running(self, service: ServiceInfo) -> Running | None:
        """Return the service's open tunnel, if it listens on a port."""
        running = self.registry.get(resource_name(service.name, what="service"))
        return None if running is None or running.host.startswith("/") else running

    def reserved(self, service: ServiceInfo) -> Facts:
        """Return the facts of the way through the tunnel: it is open, or its port is reserved."""
        running = self.running(service)
        port = ports.reserve(self.registry, service.name) if running is None else running.port
        return self.tunnel(service, port)

    def tunnel(self, service: ServiceInfo, port: int) -> Facts:
        """Return the facts of the way through a tunnel at ``port``."""
        user = service.role_for(self.session.user.name)
        return Facts.tunnel(service, port, user, self.session.paths)

    def native(self, service: ServiceInfo, host: str | None, port: int) -> Facts:
        """Return the facts of the way straight to PostgreSQL."""
        user = service.role_for(self.session.user.name)
        return Facts.native(service, host, port, user, self.session.paths)
