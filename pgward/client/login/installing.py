"""Logging in and out: the identity appears whole, and disappears whole."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgward.client import token_store
from pgward.client.api import ApiClient, PersonProver
from pgward.client.certificates import NewCertificate
from pgward.client.home import Home
from pgward.client.login import conversation
from pgward.client.login.conversation import Answerer, Request, Silent
from pgward.client.session import Session, State, User, identity_files, keep_trust
from pgward.client.token_store import Kept, TokenPlace
from pgward.client.trust import Trust
from pgward.core.clock import Clock, parse_rfc3339
from pgward.core.errors import LoginNeededError, PgwardError, UnavailableError
from pgward.pki import csr, keys


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session, and what the person should know of it.

    That is what the CA tells and, the first time, why the token is not in the keyring.
    """

    session: Session
    notice: str | None


def log_in(
    home: Home, trust: Trust, request: Request, answerer: Answerer, clock: Clock
) -> LoggedIn:
    """Log in and install certificate, key and token; the former identity stays until then.

    When the new identity cannot be stored, the login session is ended at the CA again.
    """
    key = home.device_key()
    with ApiClient.of(trust, prover=PersonProver(key), clock=clock) as stranger:
        stranger.get("/v1/health")
        stranger.check_clock()
        reply = conversation.hold(stranger, request, answerer)
    token = _text(reply, "token")
    with ApiClient.of(trust, prover=PersonProver(key, token), clock=clock) as client:
        try:
            done = _install(home, trust, client, reply, clock)
        except BaseException:  # Ctrl-C as well: nobody would use the session
            _end_quietly(client)
            raise
    home.remember_login(request.method, request.provider)
    return done


def with_password(home: Home, trust: Trust, user: str, password: str, clock: Clock) -> LoggedIn:
    """Log in with no more than a password."""
    return log_in(home, trust, Request.password(user, password), Silent(), clock)


def _install(
    home: Home, trust: Trust, client: ApiClient, reply: Mapping[str, Any], clock: Clock
) -> LoggedIn:
    certificate = _first_certificate(client)
    user, token = User.read(reply["user"]), _text(reply, "token")
    kept = token_store.keep(token, user.name, trust.ca_url)
    state = State(
        login=secrets.token_hex(8),
        user=user,
        session_expires_at=parse_rfc3339(_text(reply, "expires_at")),
        serial=certificate.serial,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        token=kept.place,
    )
    try:
        with home.lock():
            former = _token_place(home)
            renewed = trust.renewed(certificate.server_roots)
            files = identity_files(state, certificate, renewed, token)
            home.generations.install(files, clock.now())
            keep_trust(home, trust, renewed)
    except BaseException:  # Ctrl-C as well leaves no token that nothing names
        token_store.forget(kept.place)
        raise
    if former is not None:
        token_store.forget(former)
    home.remember_user(user.name)
    notices = [*map(str, reply.get("notices") or ()), _notice(home, kept)]
    told = "\nnote: ".join(notice for notice in notices if notice)
    return LoggedIn(Session(home, clock), told or None)


def _first_certificate(client: ApiClient) -> NewCertificate:
    key = keys.generate()
    request = {"csr": csr.make(key).decode("ascii")}
    return NewCertificate.read(client.post("/v1/certificates/login", request), key)


def _end_quietly(client: ApiClient) -> None:
    try:
        client.post("/v1/logout")
    except PgwardError:
        return  # what went wrong before is what the person must hear of


def _token_place(home: Home) -> TokenPlace | None:
    active = home.generations.active()
    try:
        return None if active is None else State.load(active).token
    except PgwardError:
        return None  # damaged: then there is no telling where its token was


def _notice(home: Home, kept: Kept) -> str | None:
    if kept.refused is None or not home.first_notice():
        return None
    return (
        f"{kept.refused}; the login token is kept in a file that only you can read"
        f" (set {token_store.VARIABLE}=file or keyring to choose)"
    )


def _text(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str):
        raise UnavailableError(f"the CA's answer has no {name}", hint="look at the CA's version")
    return value


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """What did not end: ``problem`` is why the CA could not be told.

    Then the certificates live until they expire. At the identity ``provider`` the browser may be
    logged in still; ``page`` is what the CA says ends that.
    """

    problem: str | None = None
    provider: str | None = None
    page: str | None = None


def logout(home: Home, clock: Clock) -> LoggedOut:
    """End the session at the CA and remove the identity here; raise LoginNeededError if none."""
    if home.generations.active() is None:
        raise LoginNeededError(hint=None)
    place = _token_place(home)
    told = _tell_ca(home, clock)
    with home.lock():
        home.generations.clear()
    if place is not None:
        token_store.forget(place)
    return told


def _tell_ca(home: Home, clock: Clock) -> LoggedOut:
    try:
        session = Session(home, clock)
        try:
            reply = session.api().post("/v1/logout")
        finally:
            session.close()
    except LoginNeededError:
        return LoggedOut()  # over already, there as here
    except PgwardError as error:
        return LoggedOut(error.message)
    there = reply.get("provider_login")
    if not isinstance(there, dict):
        return LoggedOut()
    page = there.get("url")
    return LoggedOut(None, str(there.get("provider")), page if isinstance(page, str) else None)
