"""The authority as its HTTP service and its commands see it.

Every method is synchronous, may block on the store, and may be called from any thread.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pgward.ca.crl_maker import CrlMaker
from pgward.ca.hierarchy import Hierarchies
from pgward.ca.issuance import IssuanceQueue, Issued
from pgward.ca.issuer import Issuer
from pgward.ca.records import CaName, CertificateStore, Kind, PublishedCrl
from pgward.ca.rules import NO_RULES, Rules
from pgward.ca.settings import Settings
from pgward.ca.snapshot_signer import SnapshotSigner
from pgward.core.clock import Clock
from pgward.pki import chain, fingerprint


@dataclass(frozen=True, slots=True)
class Trust:
    """What anyone may know: the CA's name, both roots, and who issues to people."""

    name: str
    server_roots: tuple[x509.Certificate, ...]
    user_roots: tuple[x509.Certificate, ...]
    user_issuing: tuple[x509.Certificate, ...]


class Authority:
    """Issues, revokes and signs; the private keys stay behind the hierarchies' signers."""

    def __init__(
        self, settings: Settings, hierarchies: Hierarchies, store: CertificateStore, clock: Clock
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._hierarchies = hierarchies
        self._queue = IssuanceQueue(store)
        self._users = Issuer(hierarchies.user.issuing, self._queue, clock)
        self._servers = Issuer(hierarchies.server.issuing, self._queue, clock)
        self._crls = CrlMaker(hierarchies.issuing(), store, clock)
        self._snapshots = SnapshotSigner(self._servers, clock)

    def close(self) -> None:
        """Let what is under way end; nothing can be issued afterwards."""
        self._queue.close()

    @property
    def trust(self) -> Trust:
        """The CA's name and roots."""
        server, user = self._hierarchies.server, self._hierarchies.user
        issuing = user.issuing.certificate
        return Trust(self.settings.ca.name, (server.root,), (user.root,), (issuing,))

    @property
    def fingerprint(self) -> str:
        """What people compare before they trust this CA: of the server root."""
        return fingerprint.of(self._hierarchies.server.root)

    def begin_login(
        self,
        csr: bytes,
        *,
        user: str,
        session_id: str,
        session_ends: datetime,
        rules: Rules,
        lifetime: timedelta | None = None,
    ) -> Future[Issued]:
        """Begin to issue a login certificate (PEM request in), no longer than its login session.

        ``lifetime`` is how long the person wants it, if not as long as is usual.
        """
        usual = timedelta(minutes=self.settings.login.certificate_minutes)
        end = self.clock.now() + rules.lifetime_for(lifetime, usual)
        return self._users.begin_login(
            csr, user=user, not_after=min(end, session_ends), session_id=session_id, rules=rules
        )

    def issue_server(
        self,
        csr: bytes,
        *,
        kind: Kind,
        name: str,
        dns: Sequence[str],
        ips: Sequence[str] = (),
        rules: Rules = NO_RULES,
    ) -> Issued:
        """Issue a server certificate (PEM request in) to an edge or a PostgreSQL host."""
        usual = timedelta(days=self.settings.server.certificate_days)
        not_after = self.clock.now() + rules.lifetime_for(None, usual)
        return self._servers.issue_server(
            csr, kind=kind, name=name, dns=dns, ips=ips, not_after=not_after, rules=rules
        )

    def verify_machine(self, presented: Sequence[x509.Certificate]) -> x509.Certificate:
        """Return the leaf of a machine's chain (a proof's ``x5c``); raise ChainError.

        The caller still has to look its serial number up: whether it was issued, to which
        kind of machine, and that it is not revoked.
        """
        root, now = self._hierarchies.server.root, self.clock.now()
        return chain.verify(presented[0], presented[1:], [root], now, chain.SERVER_AUTH)[0]

    def sign_snapshot(self, payload: dict[str, object]) -> str:
        """Sign an edge's configuration; the signer's certificate renews itself."""
        return self._snapshots.sign(payload)

    def crls(self) -> list[PublishedCrl]:
        """Return the newest CRL of each of the four CAs."""
        return [self.crl(name) for name in CaName]

    def crl(self, name: CaName) -> PublishedCrl:
        """Return the newest CRL of one CA."""
        return self._crls.latest(name)

    def publish_crls(self) -> list[PublishedCrl]:
        """Sign new CRLs of both issuing CAs: call it after every revocation in the store."""
        return self._crls.publish()
