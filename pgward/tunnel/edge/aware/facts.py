"""What is known of a session before it runs: for rules to look at, and for the record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pgward.client.edge_calls import LoginFacts
from pgward.core import handles
from pgward.core.clock import rfc3339
from pgward.pgwire.startup import Startup
from pgward.policy.context import Connect, Context, Device, ServiceFacts, User
from pgward.policy.context import Session as SessionFacts
from pgward.policy.role_guard import RoleGuard
from pgward.tunnel.edge.aware.recorded import Recorded
from pgward.tunnel.edge.carrying import Client
from pgward.tunnel.edge.grants import NOTHING, Granted
from pgward.tunnel.edge.landing import Landing, landing, reason_of
from pgward.tunnel.edge.secrets.credentials import Session
from pgward.tunnel.edge.state_postgres import Config, PostgresService
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from pgward.tunnel.preface import RefusedError

# What a login session proved besides a first factor, as the CA calls it.
_SECOND_FACTORS = frozenset({"totp", "webauthn", "recovery", "mfa"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A session that somebody wants; ``parameters`` are the client's, without a handle.

    ``number`` is the session's on tape, and ``id`` the one on record. ``login`` is what the CA says
    of the person's login, where a rule wants to know.
    """

    number: int
    id: str
    client: Client
    service: str
    postgres: PostgresService
    groups: tuple[str, ...]
    parameters: Mapping[str, str]
    started: datetime
    login: LoginFacts | None = None
    granted: Granted = NOTHING

    @property
    def user(self) -> str:
        """The person."""
        return self.client.peer.user

    @property
    def method(self) -> str:
        """By what the person is known: certificate, tunnel, web, otp or token."""
        peer = self.client.peer
        if peer.web:
            return "web"
        if peer.by_certificate:
            return "certificate" if self.client.controls is None else "tunnel"
        return "otp" if peer.token is None else "token"

    @property
    def came(self) -> dict[str, object]:
        """By what exactly the person is known, for the record; None is what there is not."""
        peer = self.client.peer
        return {
            "method": self.method,
            "serial": f"{peer.serial:x}" if peer.by_certificate else None,
            "login": peer.login,
            "token": peer.token,
        }

    def denied(self, edge: str, error: RefusedError) -> bytes:
        """Return what goes on tape where it may not be: JSON."""
        return _written(
            {
                "user": self.user,
                "service": self.service,
                "client": self.client.address,
                "application": self.parameters.get("application_name"),
                "edge": edge,
                "rule": error.rule or None,
                "reason": error.message,
                "sqlstate": error.sqlstate,
                **self.came,
                "asked_user": self.parameters.get("user"),
                "asked_database": self.parameters.get("database"),
            }
        )

    def landing(self, config: Config) -> Landing:
        """Return where it lands in a configuration; raise RefusedError."""
        return landing(
            config,
            self.parameters,
            self.user,
            service=self.service,
            granted=self.granted.role,
        )

    def context(self) -> Context:
        """Return what rules see of it."""
        peer, parameters, login = self.client.peer, self.parameters, self.login
        factors = peer.factors if login is None else login.factors
        return Context(
            user=User(
                peer.user,
                self.groups,
                "" if login is None else login.email,
                self.granted.names,
            ),
            service=ServiceFacts(self.service, self.postgres.labels),
            connect=Connect(
                user=parameters.get("user", ""),
                database=parameters.get("database", ""),
                application_name=parameters.get("application_name", ""),
                parameters=parameters,
            ),
            session=SessionFacts(
                id=self.id,
                method=self.method,
                client=self.client.address.rpartition(":")[0].strip("[]"),
                started=self.started,
                mfa=not _SECOND_FACTORS.isdisjoint(factors),
                reason=reason_of(parameters) or "",
            ),
            device=_device(peer.device, login),
        )


def _device(known: str | None, login: LoginFacts | None) -> Device:
    if login is None or login.device is None:
        return Device(id=known or "")
    return Device(login.device, trusted=login.device_approved, posture=login.posture)


@dataclass(frozen=True, slots=True)
class Decided:
    """A session that may be: as whom, where, how, and by which rule."""

    asked: Asked
    config: Config
    landing: Landing
    rule: str
    minor: int
    recipient: str | None = None

    @property
    def guard(self) -> RoleGuard | None:
        """What keeps the role that it lands as from being changed."""
        if not self.config.protect_role:
            return None
        role = self.landing.user
        is_own = self.rests_on_grant or role == self.config.user.own(self.asked.user)
        return RoleGuard(role, own=is_own)

    @property
    def rests_on_grant(self) -> bool:
        """Whether it lands as the access role, which goes with the grant."""
        return self.config.user.from_grant and self.landing.user == self.asked.granted.role

    @property
    def recorded(self) -> Recorded:
        """How it is recorded as it begins."""
        return Recorded.of(self.config, self.recipient)

    @property
    def session(self) -> Session:
        """For whom credentials are wanted."""
        peer = self.asked.client.peer
        return Session(
            service=self.asked.service,
            user=peer.user,
            role=self.landing.user,
            session=peer.login,
            serial=f"{peer.serial:x}" if peer.by_certificate else None,
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """A session for which PostgreSQL has let the edge in."""

    decided: Decided
    credentials: Credentials
    upstream: Upstream

    def opened(self, edge: str) -> bytes:
        """Return what goes on tape as it begins: JSON."""
        decided, upstream = self.decided, self.upstream
        config = decided.config
        asked, landed = decided.asked, decided.landing
        return _written(
            {
                "user": asked.user,
                "service": asked.service,
                "database": landed.database,
                "role": landed.user,
                "client": asked.client.address,
                "application": landed.application,
                "edge": edge,
                **asked.came,
                "upstream": str(upstream.address),
                "upstream_method": upstream.method,
                "upstream_encrypted": upstream.is_encrypted,
                "config": config.name,
                "rule": decided.rule or None,
                "reason": landed.reason,
                **decided.recorded.to_json(),
                "started": rfc3339(asked.started),
            }
        )


def _written(facts: Mapping[str, object]) -> bytes:
    known = {name: value for name, value in facts.items() if value is not None}
    return json.dumps(known, separators=(",", ":")).encode()


def without_handle(hello: Startup) -> dict[str, str]:
    """Return a client's parameters; where a handle stands for the user, only its role is left."""
    parameters = dict(hello.parameters)
    handle = handles.read(hello.user)
    if handle is not None:
        parameters["user"] = handle.role or ""
        if parameters.get("database") == hello.user:
            del parameters["database"]  # libpq's default is the user's name
    return parameters
