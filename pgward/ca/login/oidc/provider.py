"""One provider: its metadata and keys, its endpoints, and how we prove who we are to it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from pgward.ca.login.oidc import authorization, signed
from pgward.ca.login.oidc.errors import ProviderAwayError, RefusedError, UntrustedError
from pgward.ca.login.oidc.fetch import Fetcher, Reply
from pgward.ca.login.oidc.keeper import Keeper
from pgward.ca.login.oidc.key_set import KeySet
from pgward.ca.login.oidc.metadata import Metadata, discovery_url
from pgward.ca.login.oidc.signed import Header, UnknownKeyError
from pgward.ca.resources.oidc_provider import OidcSpec

_OK = 200


class Provider:
    """Speaks to one provider as its client; ``secret`` gives the client's secret, if it has one."""

    def __init__(
        self,
        spec: OidcSpec,
        fetcher: Fetcher,
        *,
        secret: Callable[[], str | None],
        monotonic: Callable[[], float],
    ) -> None:
        self.spec = spec
        self._fetcher = fetcher
        self._secret = secret
        self._metadata = Keeper(self._discover, monotonic)
        self._keys = Keeper(self._fetch_keys, monotonic)

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself; raise ProviderAwayError, UntrustedError."""
        return (await self._metadata.get()).value

    async def keys(self) -> KeySet:
        """Return the provider's keys."""
        return (await self._keys.get()).value

    async def verified(self, token: object, *, what: str) -> tuple[dict[str, Any], Header]:
        """Return what a token says that the provider signed, and its header."""
        metadata = await self.metadata()
        header = signed.header(token, what=what, algorithms=metadata.algorithms)
        text = str(token)
        keys = await self._keys.get()
        try:
            return signed.verify(text, header, keys.value, what=what), header
        except UnknownKeyError:
            again = await self._keys.get(newer_than=keys.since)
            return signed.verify(text, header, again.value, what=what), header

    async def token(self, grant: Mapping[str, str]) -> dict[str, Any]:
        """Ask the token endpoint; raise RefusedError with the provider's code."""
        metadata = await self.metadata()
        return await self._ask(metadata.token_endpoint, grant, metadata, "token endpoint")

    async def begin_device(self) -> dict[str, Any]:
        """Ask for a device code."""
        metadata = await self.metadata()
        url = metadata.device_authorization_endpoint
        if url is None:
            raise RefusedError(
                "it does not do device codes", hint="log in with a browser: pgward login"
            )
        form = {"scope": " ".join(self.spec.scopes)}
        return await self._ask(url, form, metadata, "device authorization endpoint")

    async def userinfo(self, access_token: str) -> dict[str, Any] | None:
        """Return further claims, or None when there is nobody to ask."""
        metadata = await self.metadata()
        if metadata.userinfo_endpoint is None:
            return None
        reply = await self._fetcher.get(
            metadata.userinfo_endpoint, what="userinfo endpoint", bearer=access_token
        )
        if reply.status != _OK:
            raise UntrustedError(f"its userinfo endpoint answered {reply.status}")
        return reply.body

    async def _discover(self) -> Metadata:
        issuer = self.spec.issuer
        reply = await self._fetcher.get(discovery_url(issuer), what="metadata")
        if reply.status != _OK:
            raise ProviderAwayError(f"its metadata answered {reply.status}")
        return Metadata.read(reply.body, issuer=issuer)

    async def _fetch_keys(self) -> KeySet:
        metadata = await self.metadata()
        reply = await self._fetcher.get(metadata.jwks_uri, what="key set")
        if reply.status != _OK:
            raise ProviderAwayError(f"its key set answered {reply.status}")
        return KeySet.read(reply.body)

    async def _ask(
        self, url: str, form: Mapping[str, str], metadata: Metadata, what: str
    ) -> dict[str, Any]:
        client, secret = self.spec.client_id, self._secret()
        method = self._client_auth(metadata, secret)
        if method == "client_secret_basic" and secret is not None:
            # RFC 6749 section 2.3.1: each is form-encoded before it is joined.
            basic = (quote_plus(client), quote_plus(secret))
            reply = await self._fetcher.post(url, form, what=what, basic=basic)
        else:
            more = {"client_id": client}
            if method == "client_secret_post" and secret is not None:
                more["client_secret"] = secret
            reply = await self._fetcher.post(url, {**form, **more}, what=what)
        return _accepted(reply, what)

    def _client_auth(self, metadata: Metadata, secret: str | None) -> str:
        chosen = self.spec.client_auth
        if chosen is None:
            if secret is None:
                return "none"
            both = ("client_secret_basic", "client_secret_post")
            return next((each for each in both if each in metadata.client_auth), both[0])
        if chosen != "none" and secret is None:
            raise UntrustedError("it wants a client secret, and none is stored")
        return chosen


def _accepted(reply: Reply, what: str) -> dict[str, Any]:
    if reply.status == _OK:
        return reply.body
    if "error" in reply.body:
        raise RefusedError(authorization.error_code(reply.body["error"]))
    raise UntrustedError(f"its {what} answered {reply.status} without a reason")
