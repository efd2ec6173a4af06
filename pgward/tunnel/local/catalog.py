"""The services of a person, and a fresh certificate, with the CA or for a while without it.

What the CA said last is kept in ``services.json``. While the CA is away and the certificate
still lives, that is enough to open a tunnel: the edge decides by itself.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pgward.client import known
from pgward.client.access import hints
from pgward.client.services import ServiceInfo, choose
from pgward.client.session import Session
from pgward.core.clock import Clock
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.system.files import StorageError, storage_errors

RENEW_BEFORE = timedelta(minutes=20)


class Catalog:
    """Finds services for one login session; ``say`` gets what the person should know."""

    def __init__(
        self, home: Path, session: Session, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._path = home / known.FILE
        self._session = session
        self._clock = clock
        self._say = say

    def find(self, name: str) -> ServiceInfo:
        """Return the service ``name``, with a certificate that lives at hand.

        Raises NotFoundError with the nearest name, or how to ask for access, LoginNeededError,
        DeniedError, and UnavailableError when the CA is away and what is kept here does not do.
        """
        self._renew()
        return self.look_up(name)

    def look_up(self, name: str) -> ServiceInfo:
        """Return the service ``name``; the certificate is somebody else's business."""
        services, fresh = self._services()
        try:
            return choose(services, name)
        except NotFoundError as error:
            if not fresh:
                raise
            raise hints.refusal(name, error, lambda: self._session.offers(name)) from None

    def all(self) -> list[ServiceInfo]:
        """Return the services of this person, as the CA says or said last."""
        return self._services()[0]

    def current(self) -> tuple[list[ServiceInfo], bool]:
        """Return every service, and whether that is what the CA says now; raise as ``find``."""
        self._renew()
        return self._services()

    def remembered(self, name: str) -> ServiceInfo:
        """Return the service as the CA listed it last, without asking; raise NotFoundError."""
        return choose(self._kept() or [], name)

    def _renew(self) -> None:
        try:
            self._session.ensure_certificate(RENEW_BEFORE)
        except UnavailableError:
            if self._session.not_after <= self._clock.now():
                raise

    def _services(self) -> tuple[list[ServiceInfo], bool]:
        try:
            services = self._session.services()
        except UnavailableError as error:
            kept = self._kept()
            if kept is None:
                raise
            self._say(f"{error.message}; going on with what it said last")
            return kept, False
        self._keep(services)
        return services, True

    def _keep(self, services: list[ServiceInfo]) -> None:
        try:
            known.keep(self._path.parent, self._session.user.name, services)
        except StorageError as error:
            self._say(f"{error.message}; without it no tunnel opens while the CA is away")

    def _kept(self) -> list[ServiceInfo] | None:
        """Return what the CA said last to the same person; None when that is not known."""
        if not self._path.exists():
            return None
        with storage_errors(self._path, "read"):
            data = self._path.read_bytes()
        try:
            kept = json.loads(data)
            if kept["user"] != self._session.user.name:
                return None
            return [ServiceInfo.read(each) for each in kept["services"]]
        except (ValueError, KeyError, TypeError):
            return None  # damaged: as good as none
