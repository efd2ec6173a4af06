"""What an edge knows, from one snapshot, and the decisions that follow from it. Pure."""

import logging
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from pgward.core.address import Address
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import PgwardError
from pgward.pki import chain, pem
from pgward.pki.age_keys import Recipient
from pgward.pki.crl import RevocationList, issuer_key_id, key_id
from pgward.pki.errors import CrlError
from pgward.tunnel.edge.grants import NO_GRANTS, Granted, Grants
from pgward.tunnel.edge.state_postgres import PostgresService, read_address, read_postgres
from pgward.tunnel.preface import Reason, RefusedError

log = logging.getLogger("pgward.edge")

# What asks for step-ups has a mode of its own, so that an edge that cannot tell leaves it out.
_STEP_UP = "+step-up"
_AWARE = ("postgres", "postgres" + _STEP_UP)
# A mode of a newer CA is left out alone: revocations must arrive all the same.
MODES = ("tcp", "tcp" + _STEP_UP, *_AWARE)


class SnapshotError(PgwardError):
    """A snapshot whose signature is right, and whose content is not."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who a client certificate names, and what can end it.

    Without a certificate, ``login`` is the login session that a one-time password or a token rests
    on, which ends at ``not_after``; there is no serial number, and no issuer. ``factors`` and
    ``device`` are what the CA says of that. ``web``: it is the CA's own web client that came, for
    the person's ``browser``, whose address it says.
    """

    user: str
    serial: int
    issuer_key_id: bytes
    not_after: datetime
    login: str | None = None
    token: str | None = None
    factors: tuple[str, ...] = ()
    device: str | None = None
    web: bool = False
    browser: str | None = None

    @property
    def by_certificate(self) -> bool:
        """Tell whether it is a certificate that says so."""
        return self.login is None

    @classmethod
    def of(cls, der: bytes) -> Self:
        """Read a certificate whose chain TLS has verified; raise RefusedError."""
        certificate = x509.load_der_x509_certificate(der)
        if chain.is_minted(certificate):
            raise RefusedError(Reason.DENIED, "that certificate was minted for an edge")
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if len(names) != 1:
            raise RefusedError(Reason.DENIED, "that certificate does not name one person")
        try:
            issuer = issuer_key_id(certificate)
        except CrlError as error:
            raise RefusedError(Reason.DENIED, error.message) from error
        user = str(names[0].value)
        web = chain.is_web(certificate)
        return cls(
            user,
            certificate.serial_number,
            issuer,
            certificate.not_valid_after_utc,
            web=web,
            browser=chain.browser_of(certificate) if web else None,
        )


@dataclass(frozen=True, slots=True)
class StepUp:
    """A service's demand for a fresh second factor: whose counts until when, by the CA's clock."""

    proofs: Mapping[str, datetime]
    ends_sessions: bool = False

    def is_proved(self, user: str, now: datetime) -> bool:
        """Tell whether this person's proof counts."""
        until = self.proofs.get(user)
        return until is not None and now < until


@dataclass(frozen=True, slots=True)
class Service:
    """One PostgreSQL target, as this edge forwards to it.

    With ``postgres`` the edge speaks the protocol (``mode: postgres``), and ``upstream`` is only
    the first of the servers.
    """

    name: str
    upstream: Address
    users: frozenset[str]
    groups: frozenset[str]
    max_connections: int | None = None
    max_connections_per_user: int | None = None
    step_up: StepUp | None = None
    postgres: PostgresService | None = None
    # Who may use it for a time, besides those above; by the time at the CA.
    grants: Grants = NO_GRANTS

    def granted(self, user: str, at: datetime) -> Granted:
        """Return what a person has here by grants, at a time of the CA."""
        return self.grants.of(user, at)

    def check_step_up(self, user: str, now: datetime) -> None:
        """Raise RefusedError unless a session may begin; ``now`` is the time at the CA."""
        if self.step_up is not None and not self.step_up.is_proved(user, now):
            raise RefusedError(
                Reason.STEP_UP,
                f"{self.name} asks for a fresh second factor",
                hint=f"pgward step-up {self.name}",
            )


@dataclass(frozen=True, slots=True)
class EdgeState:
    """One snapshot of the CA's decisions; replaced whole, never changed."""

    version: int
    user_roots: str
    services: Mapping[str, Service]
    groups: Mapping[str, frozenset[str]]
    blocked: frozenset[str]
    revocations: RevocationList
    # CAs that were replaced, by key identifier, and what they revoked: nobody new gets in by them.
    retired: Mapping[bytes, frozenset[int]] = field(default_factory=dict)
    # Whether the CA wants something of this edge: a rotation is under way.
    has_orders: bool = False
    # Of the people who may use a service that speaks PostgreSQL: all groups that they are in.
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # The CA's roots for servers: PostgreSQL's certificates come from there, unless a service says
    # another place.
    server_roots: str = ""
    # For whom recordings are encrypted; and sessions that are to end: why, and whether at once.
    recipient: str | None = None
    endings: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    # When the CA made it, so that it is at least so late there.
    issued_at: datetime | None = None

    @classmethod
    def load(
        cls,
        payload: Mapping[str, Any],
        former: Self | None = None,
        content: "Content | None" = None,
    ) -> Self:
        """Read a verified snapshot payload; raise SnapshotError, so that the old one stays.

        Grants that are as in the ``former`` one are not read again. ``content`` is what came in
        parts, where the payload itself has none of it.
        """
        try:
            known = {} if former is None else former.services
            made = content or Content.read(payload, known)
            return cls(
                version=int(payload["version"]),
                user_roots="".join(payload["user_roots"]),
                services=made.services,
                groups=made.groups,
                blocked=read_names(payload["blocked"]),
                revocations=made.revocations,
                retired=made.retired,
                has_orders=payload.get("orders") is True,
                people=made.people,
                server_roots="".join(payload.get("server_roots", ())),
                recipient=_recipient(payload.get("recording", {})),
                endings=dict(_ending(each) for each in payload.get("endings", ())),
                issued_at=_moment(payload.get("issued_at")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, PgwardError) as error:
            raise SnapshotError(f"the CA's snapshot cannot be used: {error}") from error

    @property
    def takes_guests(self) -> bool:
        """Whether anybody may come without a certificate, and prove otherwise who it is."""
        return any(not each.login.isdisjoint(("otp", "token")) for each in self.aware.values())

    @property
    def aware(self) -> dict[str, PostgresService]:
        """The services in ``mode: postgres``, by name."""
        services = self.services.items()
        return {name: each.postgres for name, each in services if each.postgres is not None}

    def check_peer(self, peer: Peer, now: datetime) -> None:
        """Raise RefusedError unless this person's certificate counts, at this time."""
        if peer.not_after <= now:
            raise RefusedError(Reason.EXPIRED)
        if self.revocations.expires_at <= now:
            raise RefusedError(Reason.STALE)
        if peer.issuer_key_id in self.retired:
            raise RefusedError(Reason.EXPIRED, "the CA of your certificate has been replaced")
        self._check_live(peer)

    def authorize(
        self, peer: Peer, service: str, now: datetime, at: datetime | None = None
    ) -> Service:
        """Return the service if ``peer`` may begin a session on it now; raise RefusedError.

        ``at`` is the time at the CA, if that is another. A service that does not exist and one
        that is for others get the same answer.
        """
        self.check_peer(peer, now)
        return self._allowed(peer, service, at or now)

    def keeping(self, former: Self) -> Self:
        """Return this with the former's objects where services are as they were.

        So whoever has one sees at a glance that nothing changed.
        """
        services = dict(self.services)
        for name, service in services.items():
            before = former.services.get(name)
            if before is service:
                continue
            if before is not None and before == service:
                services[name] = before
            elif before is not None and before.postgres == service.postgres:
                services[name] = replace(service, postgres=before.postgres)
        return replace(self, services=services)

    def may_go_on(self, peer: Peer, service: str, at: datetime) -> Service:
        """Return the service of a running session; raise RefusedError when that must end.

        Time alone ends none but those that rest on a grant, by the time ``at`` the CA. As in
        PostgreSQL itself, neither a certificate that has expired meanwhile does, nor a revocation
        list that has, nor a CA that was replaced; all refuse the next one.
        """
        self._check_live(peer)
        return self._allowed(peer, service, at)

    def has_standing(self, service: Service, user: str) -> bool:
        """Tell whether a person may use a service without a grant."""
        return user in service.users or any(
            user in self.groups.get(group, ()) for group in service.groups
        )

    def _check_live(self, peer: Peer) -> None:
        if peer.user in self.blocked:
            raise RefusedError(Reason.BLOCKED)
        try:
            revoked = self._is_revoked(peer)
        except CrlError as error:
            raise RefusedError(
                Reason.DENIED, "the edge does not know the CA of your certificate"
            ) from error
        if revoked:
            raise RefusedError(Reason.REVOKED)

    def _is_revoked(self, peer: Peer) -> bool:
        if not peer.by_certificate:
            return False  # the CA tells of login sessions that are over: ``outlived`` asks
        if peer.issuer_key_id in self.retired:
            return peer.serial in self.retired[peer.issuer_key_id]
        return self.revocations.is_revoked(peer.issuer_key_id, peer.serial)

    def _allowed(self, peer: Peer, name: str, at: datetime) -> Service:
        service = self.services.get(name)
        if service is None or not self._admits(service, peer.user, at):
            raise RefusedError(Reason.DENIED)
        if service.postgres is None and peer.web:
            raise RefusedError(
                Reason.DENIED,
                f"{name} lets nobody in from a browser",
                hint=f"pgward connect {name}",
            )
        if service.postgres is None and not peer.by_certificate:
            raise RefusedError(
                Reason.DENIED,
                f"{name} lets nobody in without a login certificate",
                hint=f"pgward connect {name}",
            )
        return service

    def _admits(self, service: Service, user: str, at: datetime) -> bool:
        return self.has_standing(service, user) or service.granted(user, at).is_live


@dataclass(frozen=True, slots=True)
class Content:
    """What may be long in a snapshot."""

    services: Mapping[str, Service]
    groups: Mapping[str, frozenset[str]]
    people: Mapping[str, tuple[str, ...]]
    revocations: RevocationList
    retired: Mapping[bytes, frozenset[int]]

    @classmethod
    def read(cls, payload: Mapping[str, Any], known: Mapping[str, Service]) -> Self:
        """Read a payload that is whole; ``known`` are the services before."""
        services = (
            read_service(each, known.get(each["name"]))
            for each in payload["services"]
            if each["mode"] in MODES
        )
        return cls(
            services={service.name: service for service in services if service is not None},
            groups={name: read_names(users) for name, users in payload["groups"].items()},
            people=read_people(payload.get("people", {})),
            revocations=read_lists(payload["crls"], issuers_of(payload)),
            retired=read_retired(payload.get("retired", ())),
        )


def issuers_of(payload: Mapping[str, Any]) -> str:
    """Return the CAs whose lists count, in PEM."""
    return "".join([*payload["user_roots"], *payload["user_issuing"]])


def read_lists(crls: Sequence[str], issuers: str) -> RevocationList:
    """Read revocation lists; raise CrlError where one lacks."""
    return RevocationList.load(
        [b64decode(each, validate=True) for each in crls], pem.split(issuers.encode())
    )


def read_retired(value: Sequence[Any]) -> dict[bytes, frozenset[int]]:
    """Read what CAs that were replaced have revoked."""
    return dict(_retired(each) for each in value)


def _retired(fields: Mapping[str, Any]) -> tuple[bytes, frozenset[int]]:
    (issuer,) = pem.split(fields["certificate"].encode())
    if fields["crl"] is None:
        return key_id(issuer), frozenset()
    lists = RevocationList.load([b64decode(fields["crl"], validate=True)], [issuer])
    return key_id(issuer), lists.revoked[key_id(issuer)]


def read_service(fields: Mapping[str, Any], former: Service | None) -> Service | None:
    """Read a service; None for one in ``mode: postgres`` with something that a newer CA knows."""
    try:
        postgres = read_postgres(fields["postgres"]) if fields["mode"] in _AWARE else None
    except (KeyError, TypeError, ValueError, AttributeError, PgwardError) as error:
        log.error("the service %s is left out: %s", fields["name"], error)
        return None
    allow = fields["allow"]
    return Service(
        name=fields["name"],
        upstream=read_address(fields["upstream"]),
        users=read_names(allow["users"]),
        groups=read_names(allow["groups"]),
        max_connections=_limit(fields.get("max_connections")),
        max_connections_per_user=_limit(fields.get("max_connections_per_user")),
        step_up=_step_up(fields["step_up"]) if fields["mode"].endswith(_STEP_UP) else None,
        postgres=postgres,
        grants=read_grants(fields.get("grants"), former),
    )


def read_grants(packed: object, former: Service | None) -> Grants:
    """Read a service's grants; the former ones where they are packed alike."""
    if packed is None:
        return NO_GRANTS
    if former is not None and former.grants.is_packed_as(packed):
        return former.grants
    try:
        return Grants.read(packed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Who came by a grant must go; and revocations must arrive all the same.
        log.error("the grants of a service are left out: %s", error)
        return NO_GRANTS


def _step_up(fields: Mapping[str, Any]) -> StepUp:
    proofs = {user: parse_rfc3339(until) for user, until in fields["proofs"].items()}
    return StepUp(proofs, ends_sessions=fields["end_sessions"] is True)


def _moment(value: Any) -> datetime | None:
    return None if value is None else parse_rfc3339(value)


def read_names(value: Any) -> frozenset[str]:
    """Read names; raise ValueError."""
    # A text is a sequence of texts, too: "bob" would block three people, and not bob.
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{value!r} is no list of names")
    return frozenset(value)


def _limit(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"{value!r} is no limit")
    return value


def _recipient(fields: Mapping[str, Any]) -> str | None:
    text = fields.get("recipient")
    return None if text is None else str(Recipient.parse(str(text)))


def _ending(fields: Mapping[str, Any]) -> tuple[str, tuple[str, bool]]:
    return str(fields["session"]), (str(fields["reason"]), fields["force"] is True)


def read_people(value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Read people's groups."""
    return {name: tuple(sorted(read_names(each["groups"]))) for name, each in value.items()}
