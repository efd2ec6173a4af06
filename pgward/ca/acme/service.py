"""The ACME server with its validator, as ``ca serve`` opens and keeps it."""

import logging
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path

from pgward.ca.acme import issuing, master, office
from pgward.ca.acme.master import Master
from pgward.ca.acme.prober import NetworkProber
from pgward.ca.acme.purge import purge
from pgward.ca.acme.server import AcmeServer
from pgward.ca.acme.validator import Prober, Validator
from pgward.ca.authority import Authority
from pgward.ca.store import Store
from pgward.core.errors import PgwardError

_log = logging.getLogger(__name__)


class AcmeService:
    """Answers requests (``server``), validates while ``running``, and tidies up."""

    def __init__(
        self, authority: Authority, store: Store, secret: Master, prober: Prober | None = None
    ) -> None:
        self.office = office.make(authority, store, secret)
        self.server = AcmeServer(self.office)
        self._prober = prober or NetworkProber(self.office)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Validate challenges as long as the context is open."""
        return Validator(self.office, self._prober).running()

    def keep_fresh(self, now: datetime) -> None:
        """Go on with what a process left behind, and remove what ended long ago."""
        issuing.resume(self.office, now)
        days = self.office.authority.settings.ledger.keep_expired_days
        purge(self.office.store, now, keep=timedelta(days=days) if days else None)


def open_service(directory: Path, authority: Authority, store: Store) -> AcmeService | None:
    """Return the service, or None when it is switched off or its secret cannot be had.

    The rest of the authority serves without it; the log says what to do.
    """
    if not authority.settings.acme.enabled:
        return None
    try:
        secret = master.open_master(directory, store, authority.clock.now())
    except PgwardError as error:
        hint = f"; {error.hint}" if error.hint else ""
        _log.error("there is no ACME server: %s%s", error.message, hint)
        return None
    return AcmeService(authority, store, secret)
