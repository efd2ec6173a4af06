"""What the routes work with: one object, made with the application."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.archive import archive
from pgward.ca.archive.archive import Archive
from pgward.ca.archive.objects import NoObjects, ObjectStore
from pgward.ca.authority import Authority
from pgward.ca.host_news import HostNews
from pgward.ca.identity.passwords import Passwords, PasswordWorkers
from pgward.ca.keys.sealing import Sealer
from pgward.ca.limiting.guesses import Guesses
from pgward.ca.limiting.limits import Limits
from pgward.ca.limiting.throttle import LoginThrottle
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.login import making
from pgward.ca.login.confirming.confirmations import Confirmations
from pgward.ca.login.desk import Desk
from pgward.ca.login.engine import Engine
from pgward.ca.login.factors.desk import FactorDesk
from pgward.ca.login.factors.enrolment import Enrolment
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.login.oidc.office import Office
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.login.stepping_up import SteppingUp
from pgward.ca.login.trying_out import Trials
from pgward.ca.observability.health import Checks, Readiness
from pgward.ca.recordings.recordings import Recordings
from pgward.ca.resources.rule_book import RuleBook
from pgward.ca.revoking.ocsp_responder import OcspResponder
from pgward.ca.revoking.revocation import Revoker
from pgward.ca.revoking.served_crls import ServedCrls
from pgward.ca.service.arrivals import Arrivals
from pgward.ca.service.changes import Changes
from pgward.ca.service.connector_polls import ConnectorPolls
from pgward.ca.service.edge_polls import EdgePolls
from pgward.ca.service.host_polls import HostPolls
from pgward.ca.service.host_role_book import HostRoleBook
from pgward.ca.service.known_sessions import KnownSessions
from pgward.ca.service.replay import ReplayCache
from pgward.ca.snapshots import Snapshots
from pgward.ca.store import Store
from pgward.ca.store.freshness import Freshness
from pgward.ca.store.statuses import SqlStatuses
from pgward.core.errors import InvalidInputError

# Proofs of possession may be this far from our clock, either way.
MAX_SKEW_SECONDS = 60
_REMEMBERED_SECONDS = 2 * MAX_SKEW_SECONDS + 1
_DEFAULT_PORT = 443


@dataclass(frozen=True, slots=True)
class Context:
    """The authority, its store, and what is shared by all requests of this process."""

    authority: Authority
    store: Store
    acts: Acts
    revoker: Revoker
    workers: PasswordWorkers
    throttle: LoginThrottle
    desk: Desk
    logins: Engine
    passwords: PasswordChanges
    step_ups: SteppingUp
    factors: FactorDesk
    enrolment: Enrolment
    oidc: Office
    directories: Directories
    confirmations: Confirmations
    trials: Trials
    heads: HeadSigner
    limits: Limits
    guesses: Guesses
    snapshots: Snapshots
    changes: Changes
    edge_polls: EdgePolls
    host_polls: HostPolls
    connector_polls: ConnectorPolls
    replay: ReplayCache
    login_replay: ReplayCache  # apart, as any stranger may try to log in
    known_sessions: KnownSessions
    rule_book: RuleBook
    login_rules: LoginRuleBook
    host_roles: HostRoleBook
    arrivals: Arrivals
    crls: ServedCrls
    ocsp: OcspResponder
    origins: frozenset[str]
    readiness: Readiness
    archive: Archive
    recordings: Recordings

    def send_home(self) -> None:
        """End all long polls, as the server is about to stop; call it on the event loop."""
        self.changes.close()
        self.archive.news.close()

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return self.authority.clock.now()

    def monotonic(self) -> float:
        """Return a time in seconds that never goes back."""
        return time.monotonic()

    def url_of(self, request: Request) -> str:
        """Return the address that a proof for this request must name, without its query.

        InvalidInputError when the Host header names none of the authority's own origins.
        """
        origin = _origin(f"https://{request.headers.get('host', '')}")
        if origin not in self.origins:
            raise InvalidInputError(
                "the authority is not served under this name",
                hint=f"use {self.authority.settings.ca.url}",
            )
        path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        return origin + path.partition(b"?")[0].decode("latin-1")


def make(
    authority: Authority,
    store: Store,
    heads: HeadSigner,
    origins: Iterable[str],
    passwords: Passwords,
    *,
    sealer: Sealer,
    certificate: ApiCertificate | None = None,
    objects: ObjectStore | None = None,
) -> Context:
    """Join the parts; call it where an event loop runs or will run."""
    acts = Acts(store, authority.clock)
    freshness = Freshness(store)
    allowed = {_origin(url) for url in (authority.settings.ca.url, *origins)}
    known_sessions = KnownSessions()
    store.on_change(known_sessions.forget_all)
    workers, throttle = PasswordWorkers(passwords), LoginThrottle()
    desk = Desk(store, acts, authority.clock, authority.settings, workers, throttle, sealer)
    factors = making.factors(desk)
    revoker = Revoker(authority)
    changes = PasswordChanges(desk, revoker)
    oidc, directories = Office.open(desk, revoker), Directories(desk)
    limits = Limits(authority.settings.limits)
    seen = Changes(store, refresh=authority.refresh)
    kept = objects or NoObjects()
    kept_records = archive.make(store, kept, authority)
    recordings = Recordings(store, kept, sealer, authority.clock, kept_records.threads)
    snapshots = Snapshots(store, authority, authority.clock, recordings.recipient)

    def refusal() -> None:
        limits.refusal(caller.client.get(), time.monotonic())

    return Context(
        authority=authority,
        store=store,
        acts=acts,
        revoker=revoker,
        workers=workers,
        throttle=throttle,
        step_ups=making.stepping_up(desk, factors, oidc.providers),
        desk=desk,
        factors=factors,
        enrolment=Enrolment(desk),
        logins=making.engine(desk, factors, changes, oidc.providers, directories, refusal=refusal),
        passwords=changes,
        oidc=oidc,
        directories=directories,
        trials=Trials(desk, oidc.providers),
        confirmations=making.confirmations(desk, revoker, oidc.providers, directories),
        heads=heads,
        limits=limits,
        guesses=Guesses(),
        snapshots=snapshots,
        changes=seen,
        edge_polls=EdgePolls(seen, snapshots),
        host_polls=HostPolls(seen, HostNews(store, authority)),
        connector_polls=ConnectorPolls(store, seen, authority.clock.now),
        replay=ReplayCache(_REMEMBERED_SECONDS),
        login_replay=ReplayCache(_REMEMBERED_SECONDS),
        known_sessions=known_sessions,
        rule_book=RuleBook(store, authority.settings),
        login_rules=LoginRuleBook(authority.settings),
        host_roles=HostRoleBook(store, authority.clock.now),
        arrivals=Arrivals(),
        crls=ServedCrls(authority, freshness),
        ocsp=OcspResponder(authority, SqlStatuses(store), freshness, authority.clock),
        origins=frozenset(origin for origin in allowed if origin),
        readiness=Checks(authority, store, certificate).readiness(),
        archive=kept_records,
        recordings=recordings,
    )


async def current(request: Request) -> Context:
    """Return the application's context."""
    return of(request)


def of(request: Request) -> Context:
    """Return the context of the application that answers a request."""
    found = request.app.state.context
    if not isinstance(found, Context):
        raise TypeError("the application has no context")
    return found


Current = Annotated[Context, Depends(current)]


@lru_cache(maxsize=64)
def _origin(url: str) -> str:
    """Normalise scheme, host and port; empty when there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}:{port or _DEFAULT_PORT}" if host else ""
