"""The protocol from our side: begin a login, read what comes back, ask again later."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgward.ca.login.oidc import authorization, claims, id_token, vouching
from pgward.ca.login.oidc.authorization import Begun
from pgward.ca.login.oidc.claims import Person
from pgward.ca.login.oidc.device_code import Waiting
from pgward.ca.login.oidc.errors import RefusedError, UntrustedError
from pgward.ca.login.oidc.id_token import Expected
from pgward.ca.login.oidc.provider import Provider

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_MAX_SECRET = 64 * 1024
# What an ID token says about itself and the login; userinfo is never asked for these.
_PROTOCOL = frozenset(
    (
        *("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "sid"),
        *("auth_time", "acr", "amr"),
    )
)
# Core section 3.1.2.1: each alone should do; some providers honour the one, some the other.
_ANEW = {"prompt": "login", "max_age": "0"}
_OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in: known by issuer and subject; ``refresh_token`` is a secret.

    ``second_factor`` is what of the ID token says that the provider asked for one (`vouching`).
    """

    issuer: str
    subject: str
    person: Person
    sid: str | None
    refresh_token: str | None = field(repr=False)
    second_factor: str | None = None


@dataclass(frozen=True, slots=True)
class Anew:
    """Who has just logged in once more; ``second_factor`` as of an ``Identity``."""

    subject: str
    second_factor: str | None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the provider says now; ``person`` None when it said nothing new of the person."""

    refresh_token: str = field(repr=False)
    person: Person | None


class RelyingParty:
    """One provider, and the time."""

    def __init__(self, provider: Provider, now: Callable[[], datetime], *, page: str = "") -> None:
        """``page`` is the address of our own page, to which browsers may come back."""
        self._provider = provider
        self._spec = provider.spec
        self._now = now
        self._page = page

    async def begin(self, redirect_uri: object) -> tuple[str, Begun]:
        """Return the address for the browser, and what to keep until it comes back."""
        uri = self._checked(redirect_uri)
        metadata, begun = await self._provider.metadata(), Begun.new(uri)
        spec = self._spec
        url = authorization.url(metadata, spec.client_id, spec.scopes, begun, spec.authorize_params)
        return url, begun

    async def finish(self, begun: Begun, answer: Mapping[str, Any]) -> Identity:
        """Return who the browser's answer says it is."""
        return await self._identity(await self._redeem(begun, answer), nonce=begun.nonce)

    async def begin_anew(self, redirect_uri: object) -> tuple[str, Begun]:
        """Return as ``begin`` an address at which somebody logs in though logged in already.

        No refresh token is asked for: the one of the login session stays the only one.
        """
        spec = self._spec
        uri = self._checked(redirect_uri)
        metadata, begun = await self._provider.metadata(), Begun.new(uri)
        scopes = [each for each in spec.scopes if each != _OFFLINE]
        acr = {"acr_values": " ".join(spec.step_up_acr)} if spec.step_up_acr else {}
        must, extra = _ANEW | acr, spec.authorize_params
        url = authorization.url(metadata, spec.client_id, scopes, begun, extra, must=must)
        return url, begun

    async def finish_anew(
        self, begun: Begun, answer: Mapping[str, Any], *, since: datetime
    ) -> Anew:
        """Return who has logged in ``since``; raise NotFreshError. Only the ID token counts."""
        reply = await self._redeem(begun, answer)
        _access_token(reply)
        found = await self._id_token(reply, nonce=begun.nonce)
        spec = self._spec
        vouching.check_fresh(found, since=since, now=self._now(), acr=spec.step_up_acr)
        return Anew(found["sub"], vouching.second_factor(found, spec.second_factor))

    def _checked(self, uri: object) -> str:
        return authorization.check_redirect(uri, self._spec.redirect_ports, own=self._page)

    async def begin_device(self) -> Waiting:
        """Return the code for the person to type elsewhere."""
        return Waiting.read(await self._provider.begin_device(), self._now())

    async def poll_device(self, waiting: Waiting) -> Identity | Waiting:
        """Ask once whether the person has said yes; raise RefusedError when it is over."""
        if waiting.is_over(self._now()):
            raise RefusedError("the code has expired", hint="pgward login")
        try:
            reply = await self._provider.token(
                {"grant_type": _DEVICE_GRANT, "device_code": waiting.device_code}
            )
        except RefusedError as error:
            return waiting.after(error)
        return await self._identity(reply)

    async def refresh(self, refresh_token: str, subject: str) -> Refreshed:
        """Ask what holds now for a person; RefusedError ``invalid_grant`` when it is over.

        A provider that answers without an ID token is asked for its userinfo (Core 12.2).
        """
        reply = await self._provider.token(
            {"grant_type": "refresh_token", "refresh_token": refresh_token}
        )
        access_token, newer = _access_token(reply), _secret(reply, "refresh_token")
        found: dict[str, Any] | None = None
        if reply.get("id_token") is not None:
            found = await self._id_token(reply, subject=subject)
        if found is None or not claims.is_complete(found, self._spec):
            found = await self._with_userinfo(found, access_token, subject)
        person = None if found is None else claims.person(found, self._spec)
        return Refreshed(newer or refresh_token, person)

    async def _redeem(self, begun: Begun, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the token endpoint gives for the code that the browser brought."""
        code = authorization.code_of(answer, begun, await self._provider.metadata())
        return await self._provider.token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": begun.redirect_uri,
                "code_verifier": begun.verifier,
            }
        )

    async def _identity(self, reply: Mapping[str, Any], *, nonce: str | None = None) -> Identity:
        access_token = _access_token(reply)
        found = await self._id_token(reply, nonce=nonce)
        subject, sid = found["sub"], id_token.login_of(found)
        second = vouching.second_factor(found, self._spec.second_factor)  # before userinfo comes
        if not claims.is_complete(found, self._spec):
            found = await self._with_userinfo(found, access_token, subject) or found
        return Identity(
            issuer=self._spec.issuer,
            subject=subject,
            person=claims.person(found, self._spec),
            sid=sid,
            refresh_token=_secret(reply, "refresh_token"),
            second_factor=second,
        )

    async def _id_token(
        self, reply: Mapping[str, Any], *, nonce: str | None = None, subject: str | None = None
    ) -> dict[str, Any]:
        found, header = await self._provider.verified(reply.get("id_token"), what="ID token")
        expected = Expected(
            issuer=self._spec.issuer,
            client_id=self._spec.client_id,
            now=self._now(),
            nonce=nonce,
            subject=subject,
            access_token=_secret(reply, "access_token"),
        )
        id_token.check(found, header, expected)
        return found

    async def _with_userinfo(
        self, found: Mapping[str, Any] | None, access_token: str, subject: str
    ) -> dict[str, Any] | None:
        """Return the claims with those that only userinfo has; the ID token's count first."""
        more = await self._provider.userinfo(access_token)
        if more is None:
            return None if found is None else dict(found)
        if more.get("sub") != subject:
            raise UntrustedError("its userinfo is about another person")
        further = {name: value for name, value in more.items() if name not in _PROTOCOL}
        return {**further, **(found or {"sub": subject})}


def _access_token(reply: Mapping[str, Any]) -> str:
    token, kind = _secret(reply, "access_token"), reply.get("token_type")
    if token is None or not isinstance(kind, str) or kind.lower() != "bearer":
        raise UntrustedError("its token endpoint gave no access token")
    return token


def _secret(reply: Mapping[str, Any], name: str) -> str | None:
    value = reply.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_SECRET:
        return None
    return value if value.isascii() and value.isprintable() else None
