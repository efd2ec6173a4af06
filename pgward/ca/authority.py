"""The authority as its HTTP service and its commands see it.

Every method is synchronous, may block on the store, and may be called from any thread.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509

from pgward.ca.generations import ROOTS
from pgward.ca.hierarchy import Hierarchies
from pgward.ca.issuing import proofs
from pgward.ca.issuing.issuance import IssuanceQueue, Issued
from pgward.ca.issuing.issuer import Issuer, IssuingCa
from pgward.ca.issuing.proofs import Variant
from pgward.ca.issuing.rules import NO_RULES, Rules
from pgward.ca.records import CaName, CertificateStore, Kind, PublishedCrl
from pgward.ca.revoking import crl_maker
from pgward.ca.revoking.crl_maker import CrlMaker
from pgward.ca.revoking.ocsp_signer import OcspSigner
from pgward.ca.rotation import probes
from pgward.ca.settings import Settings
from pgward.ca.snapshot_signer import SnapshotSigner
from pgward.ca.standing import Standing
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError, UnavailableError
from pgward.pki import chain, fingerprint
from pgward.pki.errors import ChainError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trust:
    """What anyone may know: the CA's name, the roots, and who issues to people.

    More than one of a kind during a rotation: the current one first.
    """

    name: str
    server_roots: tuple[x509.Certificate, ...]
    user_roots: tuple[x509.Certificate, ...]
    user_issuing: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Retired:
    """A CA that is trusted no more, with its newest CRL as long as that is kept up."""

    certificate: x509.Certificate
    crl: bytes | None


class Authority:
    """Issues, revokes and signs; the private keys stay behind signers.

    ``reload`` tells how things stand after a rotation changed the store.
    """

    def __init__(
        self,
        settings: Settings,
        standing: Standing | Hierarchies,
        store: CertificateStore,
        clock: Clock,
        *,
        reload: Callable[[], Standing] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._store = store
        self._queue = IssuanceQueue(store)
        self._reload = reload
        self._refreshing = threading.Lock()
        self._listeners: list[Callable[[], object]] = []
        self._untold: list[Callable[[], object]] = []
        self._parts = self._make(
            Standing.of(standing) if isinstance(standing, Hierarchies) else standing
        )

    def close(self) -> None:
        """Let what is under way end; nothing can be issued afterwards."""
        self._queue.close()

    def refresh(self) -> bool:
        """Take up what a rotation changed in the store; tell whether it changed anything here.

        Raises UnavailableError when the store cannot be read.
        """
        if self._reload is None:
            return False
        with self._refreshing:
            found, before = self._reload(), self.standing
            changed = (found.generations, found.signers.keys()) != (
                before.generations,
                before.signers.keys(),
            )
            if changed:
                self._parts = self._make(found, self._parts)
                self._untold = list(self._listeners)
            told, self._untold = self._untold, []
        for listener in told:
            self._tell(listener, logging.WARNING if changed else logging.DEBUG)
        return changed

    def _tell(self, listener: Callable[[], object], level: int) -> None:
        """Tell of what was taken up; who cannot do its part yet is told again the next time."""
        try:
            listener()
        except PgwardError as error:
            _log.log(level, "not all of a rotation's step is done yet: %s", error.message)
            self._untold.append(listener)

    def catch_up(self) -> None:
        """Refresh for those who only read what is public: without the store, what is known goes."""
        with suppress(UnavailableError):
            self.refresh()

    def on_refresh(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` each time that ``refresh`` took something up, in its thread."""
        self._listeners.append(listener)

    @property
    def standing(self) -> Standing:
        """Every generation, and the signers that are here."""
        return self._parts.standing

    def check_keys(self) -> None:
        """Sign something of no use with each key that issues; raise UnavailableError."""
        for role in ROOTS:
            crl_maker.probe(self.standing.issuing(role))

    @property
    def trust(self) -> Trust:
        """The CA's name, and the CAs to trust."""
        known = self.standing.generations
        return Trust(
            self.settings.ca.name,
            known.certificates(CaName.SERVER_ROOT),
            known.certificates(CaName.USER_ROOT),
            known.certificates(CaName.USER_ISSUING),
        )

    @property
    def fingerprint(self) -> str:
        """What people compare before they trust this CA: of the server root."""
        return fingerprint.of(self.trust.server_roots[0])

    def check_ready(self) -> None:
        """Raise UnavailableError when this replica lacks a key that it needs to issue."""
        for role in ROOTS:
            self.standing.issuing(role)

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
        return self._parts.users.begin_login(
            csr, user=user, not_after=min(end, session_ends), session_id=session_id, rules=rules
        )

    def begin_minted(
        self,
        csr: bytes,
        *,
        user: str,
        session_id: str,
        session_ends: datetime,
        rules: Rules,
        lifetime: timedelta,
    ) -> Future[Issued]:
        """Begin to issue a certificate with which an edge logs in to PostgreSQL for a person."""
        end = self.clock.now() + min(lifetime, rules.max_lifetime or lifetime)
        return self._parts.users.begin_minted(
            csr, user=user, not_after=min(end, session_ends), session_id=session_id, rules=rules
        )

    def begin_web(
        self, csr: bytes, *, user: str, session_id: str, session_ends: datetime, rules: Rules
    ) -> Future[Issued]:
        """Begin to issue a certificate with which the web client goes to an edge for a person."""
        usual = timedelta(minutes=self.settings.login.certificate_minutes)
        end = self.clock.now() + rules.lifetime_for(None, usual)
        return self._parts.users.begin_web(
            csr, user=user, not_after=min(end, session_ends), session_id=session_id, rules=rules
        )

    def issue_account(self, csr: bytes, *, name: str, lifetime: timedelta) -> Issued:
        """Issue a certificate with which a connector logs in to PostgreSQL as its own account."""
        not_after = self.clock.now() + lifetime
        return self._parts.users.issue_account(csr, name=name, not_after=not_after)

    def issue_server(
        self,
        csr: bytes,
        *,
        kind: Kind,
        name: str,
        dns: Sequence[str],
        ips: Sequence[str] = (),
        rules: Rules = NO_RULES,
        nameless: bool = False,
    ) -> Issued:
        """Issue a server certificate (PEM request in) to an edge or a PostgreSQL host."""
        usual = timedelta(days=self.settings.server.certificate_days)
        not_after = self.clock.now() + rules.lifetime_for(None, usual)
        return self._parts.servers.issue_server(
            csr,
            kind=kind,
            name=name,
            dns=dns,
            ips=ips,
            not_after=not_after,
            rules=rules,
            nameless=nameless,
        )

    def issue_probe(self, csr: bytes, *, ca: str, hierarchy: str) -> Issued:
        """Issue a probe certificate of a CA that may not issue to anyone yet."""
        issuing = self.standing.ca(self.standing.generations.get(ca))
        wanted, dns = probes.profile(hierarchy)
        not_after = self.clock.now() + probes.LIFETIME
        issuer = Issuer(issuing, self._queue, self.clock)
        return issuer.issue_probe(csr, wanted, subject=probes.SUBJECT, dns=dns, not_after=not_after)

    def issue_proofs(self, csr: bytes, name: str) -> dict[Variant, Issued]:
        """Issue a certificate of each variant in a reserved name, to show whom a server lets in."""
        users = self._parts.users
        spans = proofs.spans(self.clock.now(), users.ca.certificate)
        return {
            variant: users.issue_proof(csr, proofs.PROFILE, subject=name, not_before=start, end=end)
            for variant, (start, end) in spans.items()
        }

    def verify_machine(self, presented: Sequence[x509.Certificate]) -> x509.Certificate:
        """Return the leaf of a machine's chain (a proof's ``x5c``); raise ChainError.

        The caller still has to look its serial number up: whether it was issued, to which
        kind of machine, and that it is not revoked.
        """
        roots, now = self.trust.server_roots, self.clock.now()
        verified = chain.verify(presented[0], presented[1:], roots, now, chain.SERVER_AUTH)
        ours = self.standing.generations.certificates(CaName.SERVER_ISSUING)
        # A company's root may have other CAs under it, with serial numbers of their own.
        if verified[1].public_key() not in [each.public_key() for each in ours]:
            raise ChainError("the certificate was issued by another CA")
        return verified[0]

    def sign_snapshot(self, payload: dict[str, object]) -> str:
        """Sign an edge's configuration; the signer's certificate renews itself."""
        return self._parts.snapshots.sign(payload)

    def crls(self) -> list[PublishedCrl]:
        """Return the newest CRL of each CA that is trusted: what a verifier needs."""
        return [self.crl(name) for name in self.crl_names]

    @property
    def crl_names(self) -> tuple[str, ...]:
        """The CAs that each need a current CRL: those that are trusted."""
        return self.standing.generations.trusted_ids(*CaName)

    @property
    def ocsp_signers(self) -> tuple[OcspSigner, ...]:
        """What signs OCSP responses, for each issuing CA whose key is here."""
        return self._parts.ocsp_signers

    def certificates(self) -> dict[str, x509.Certificate]:
        """Return the certificates of all CAs, by their ids."""
        return {each.id: each.certificate for each in self.standing.generations.all}

    def user_crls(self) -> list[PublishedCrl]:
        """Return the newest CRL of each trusted CA of the user hierarchy."""
        known = self.standing.generations
        names = known.trusted_ids(CaName.USER_ROOT, CaName.USER_ISSUING)
        return [self.crl(name) for name in names]

    def retired(self) -> list[Retired]:
        """Return the CAs that issued to people once."""
        known, now = self.standing.generations, self.clock.now()
        return [
            Retired(each.certificate, self.crl(each.id).der if each.has_list(now) else None)
            for each in known.retired(CaName.USER_ISSUING)
        ]

    def crl(self, name: str) -> PublishedCrl:
        """Return the newest CRL of one CA, by its id."""
        return self._parts.crls().latest(name)

    def due_crls(self) -> list[str]:
        """Return the issuing CAs that are due for a new CRL."""
        return self._parts.crls().due()

    def publish_crls(self, names: Collection[str] | None = None) -> list[PublishedCrl]:
        """Sign new CRLs of the issuing CAs, or of those named: after every revocation."""
        return self._parts.crls().publish(names)

    def _make(self, standing: Standing, former: "_Parts | None" = None) -> "_Parts":
        return _Parts(
            standing, self._store, self._queue, self.clock, settings=self.settings, former=former
        )


class _Parts:
    """What works with the keys, made new when they change.

    Without the key of who issues, asking for the issuer raises UnavailableError.
    """

    def __init__(
        self,
        standing: Standing,
        store: CertificateStore,
        queue: IssuanceQueue,
        clock: Clock,
        *,
        settings: Settings,
        former: "_Parts | None",
    ) -> None:
        self.standing = standing

        def issuer(ca: IssuingCa) -> Issuer:
            return Issuer(ca, queue, clock, urls=settings.revocation.urls(ca.name))

        self._issuers = {
            role: issuer(standing.ca(current))
            for role in ROOTS
            if (current := standing.generations.current(role)).id in standing.signers
        }
        known = {} if former is None else {each.ca: each for each in former.ocsp_signers}
        self.ocsp_signers: tuple[OcspSigner, ...] = tuple(
            known.get(ca.name) or OcspSigner(issuer(ca), clock)
            for ca in standing.with_lists(clock.now())
        )
        self._snapshots: SnapshotSigner | None = None
        if former is not None and former.issuing_server == self.issuing_server:
            self._issuers[CaName.SERVER_ISSUING] = former.servers
            self._snapshots = former.snapshots  # its certificate still counts
        elif CaName.SERVER_ISSUING in self._issuers:
            self._snapshots = SnapshotSigner(self.servers, clock)
        self._store = store
        self._clock = clock

    @property
    def issuing_server(self) -> str | None:
        """The id of the CA that issues to machines, if its key is here."""
        known = CaName.SERVER_ISSUING in self._issuers
        return self.standing.generations.current(CaName.SERVER_ISSUING).id if known else None

    @property
    def users(self) -> Issuer:
        """Issues to people."""
        return self._issuer(CaName.USER_ISSUING)

    @property
    def servers(self) -> Issuer:
        """Issues to machines."""
        return self._issuer(CaName.SERVER_ISSUING)

    @property
    def snapshots(self) -> SnapshotSigner:
        """Signs edges' configuration."""
        if self._snapshots is None:
            self.standing.issuing(CaName.SERVER_ISSUING)
        return cast("SnapshotSigner", self._snapshots)

    def crls(self) -> CrlMaker:
        """Sign and find CRLs; which are kept up depends on the time."""
        return CrlMaker(self.standing.with_lists(self._clock.now()), self._store, self._clock)

    def _issuer(self, role: CaName) -> Issuer:
        if role not in self._issuers:
            self.standing.issuing(role)  # raises
        return self._issuers[role]
