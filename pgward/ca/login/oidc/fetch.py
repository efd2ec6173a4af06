"""Asking a provider over HTTPS: bounded in size and time, and never led elsewhere.

A redirect is not followed, a compressed answer not unpacked, and nothing of the environment
(proxies, credentials of ``.netrc``) is used: what is asked is what an administrator configured.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from pgward.ca.login.oidc.errors import ProviderAwayError, UntrustedError
from pgward.core import strict_json

MAX_BODY = 256 * 1024
SECONDS = 10.0
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)
_TOO_MANY = 429
_UNTRUSTED = (
    "an administrator names the authority of the provider's certificate: pgward idp add --ca-file"
    " FILE, later the field ca"
)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "pgward"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, and the JSON object that came with it."""

    status: int
    body: dict[str, Any]


class Fetcher(Protocol):
    """Asks for JSON objects."""

    async def get(self, url: str, *, what: str, bearer: str | None = None) -> Reply:
        """Get an address; ``what`` names it in errors. ProviderAwayError, UntrustedError."""
        ...

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        what: str,
        basic: tuple[str, str] | None = None,
    ) -> Reply:
        """Post a form."""
        ...


class HttpsFetcher:
    """Implements Fetcher; ``ca`` (PEM) replaces the certificates that this machine trusts."""

    def __init__(
        self, *, ca: str | None = None, proxy: str | None = None, seconds: float = SECONDS
    ) -> None:
        self._tls = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._proxy = proxy
        self._seconds = seconds

    async def get(self, url: str, *, what: str, bearer: str | None = None) -> Reply:
        """Get an address."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return await self._ask(httpx2.Request("GET", url, headers=_HEADERS | headers), what, None)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        what: str,
        basic: tuple[str, str] | None = None,
    ) -> Reply:
        """Post a form."""
        request = httpx2.Request("POST", url, data=dict(form), headers=_HEADERS)
        return await self._ask(request, what, None if basic is None else httpx2.BasicAuth(*basic))

    async def _ask(
        self, request: httpx2.Request, what: str, auth: httpx2.BasicAuth | None
    ) -> Reply:
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx2.AsyncClient(
                    verify=self._tls, proxy=self._proxy, trust_env=False, timeout=self._seconds
                ) as client,
            ):
                response = await client.send(
                    request, stream=True, follow_redirects=False, auth=auth
                )
                try:
                    return await _read(response, what)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ProviderAwayError(f"its {what} took too long") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            why = _why(error)
            hint = _UNTRUSTED if "certificate verify failed" in why else None
            raise ProviderAwayError(f"its {what} cannot be reached: {why}", hint=hint) from error


async def _read(response: httpx2.Response, what: str) -> Reply:
    status = response.status_code
    if status in _REDIRECTS:
        raise UntrustedError(f"its {what} leads elsewhere, which is not followed")
    if status in _SERVER_ERRORS or status == _TOO_MANY:
        raise ProviderAwayError(f"its {what} answered {status}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UntrustedError(f"its {what} is compressed, which was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_BODY:
            raise UntrustedError(f"its {what} is longer than {MAX_BODY // 1024} KiB")
    return Reply(status, _object(bytes(body), what, status))


def _object(body: bytes, what: str, status: int) -> dict[str, Any]:
    try:
        value = strict_json.loads(body)
    except ValueError as error:
        raise UntrustedError(f"its {what} answered {status} and no JSON") from error
    if not isinstance(value, dict):
        raise UntrustedError(f"its {what} answered {status} and no JSON object")
    return value


def _why(error: BaseException) -> str:
    """Say what went wrong, as OpenSSL or the system calls it, in one line."""
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
