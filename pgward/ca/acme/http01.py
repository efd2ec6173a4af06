"""The challenge http-01: a file that only who runs the host can put there (RFC 8555 section 8.3).

Whatever the host answers, nothing of it is told to the client: it may be another's.
"""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2

from pgward.ca.acme import identifiers
from pgward.ca.acme.identifiers import IP, Identifier
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.targets import Targets
from pgward.core.errors import InvalidInputError

PATH = "/.well-known/acme-challenge/"
SECONDS = 10.0  # for each address, redirects included
MAX_BODY = 4096
MAX_REDIRECTS = 5
_MAX_LOCATION = 2048
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Page:
    """What a host answered: its status, and a body, or where it sends us."""

    status: int
    body: bytes
    location: str | None


async def check(
    identifier: Identifier,
    token: str,
    expected: str,
    *,
    targets: Targets,
    port: int,
    may_follow: Callable[[Identifier], bool],
) -> None:
    """Raise AcmeError unless the host serves the expected key authorization.

    Redirects are followed a few times: over http, to the same port, and only to names that the
    account may ask for itself.
    """
    host, path = identifier, PATH + token
    for _ in range(MAX_REDIRECTS + 1):
        page = await _fetch(host, path, targets, port)
        if page.status not in _REDIRECTS:
            _compare(page, expected)
            return
        host, path = redirect(host, path, page.location or "", port)
        if host != identifier and not may_follow(host):
            raise AcmeError("unauthorized", "the redirect leads to a name of somebody else")
    raise AcmeError("connection", f"more than {MAX_REDIRECTS} redirects")


def redirect(host: Identifier, path: str, location: str, port: int) -> tuple[Identifier, str]:
    """Return where a redirect leads; raise AcmeError where it may not."""
    if not location or len(location) > _MAX_LOCATION or not location.isascii():
        raise AcmeError("connection", "the redirect says not where to")
    try:
        parts = urlsplit(urljoin(f"http://{_host_header(host, port)}{path}", location))
        name, to_port = parts.hostname or "", parts.port or 80
    except ValueError as error:
        raise AcmeError("connection", "the redirect has no usable address") from error
    if parts.scheme != "http" or to_port != port or parts.username is not None:
        raise AcmeError("connection", f"redirects are followed over http and port {port} only")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not target.isprintable() or " " in target:
        raise AcmeError("connection", "the redirect has no usable address")
    return _identifier(name), target


def _identifier(name: str) -> Identifier:
    try:
        return identifiers.ip(name)
    except InvalidInputError:
        pass
    try:
        found = identifiers.dns(name)
    except InvalidInputError as error:
        raise AcmeError("connection", "the redirect has no usable address") from error
    if found.is_wildcard:
        raise AcmeError("connection", "the redirect has no usable address")
    return found


def _compare(page: Page, expected: str) -> None:
    if page.status != httpx2.codes.OK:
        raise AcmeError("unauthorized", f"the host answered with status {page.status}, not 200")
    if not hmac.compare_digest(page.body.rstrip(), expected.encode()):
        raise AcmeError("unauthorized", "the host's answer is not the key authorization")


async def _fetch(host: Identifier, path: str, targets: Targets, port: int) -> Page:
    """Ask each of the host's addresses until one answers."""
    last: Exception | None = None
    for address in await targets.find(host):
        try:
            async with asyncio.timeout(SECONDS):
                return await _get(address, host, path, port)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # TimeoutError is OSError
            last = error
    raise AcmeError("connection", f"http to {host.value} port {port} failed") from last


async def _get(address: str, host: Identifier, path: str, port: int) -> Page:
    literal = f"[{address}]" if ":" in address else address
    headers = {
        "Host": _host_header(host, port),
        "User-Agent": "pgward ACME validation",
        "Accept-Encoding": "identity",
    }
    async with (
        httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
        client.stream("GET", f"http://{literal}:{port}{path}", headers=headers) as response,
    ):
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY:
                raise AcmeError("unauthorized", f"the host's answer is over {MAX_BODY} bytes")
        return Page(response.status_code, body, response.headers.get("location"))


def _host_header(host: Identifier, port: int) -> str:
    name = f"[{host.value}]" if host.type == IP and ":" in host.value else host.value
    return name if port == 80 else f"{name}:{port}"  # noqa: PLR2004 - http's own port
