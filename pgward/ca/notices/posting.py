"""Posting to an address that the operator configured: no redirects, and only the status is read."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

from pgward import __version__
from pgward.ca.notices.channel import SECONDS, ChannelError, tls_context
from pgward.ca.notices.message import one_line
from pgward.ca.notices.settings import LOOPBACK

# The message itself is wrong in their eyes: it would be the next time, too.
_FOR_GOOD: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_MOST_SECONDS: Final = 3600.0


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, ca_file: str, directory: Path
) -> None:
    """Post JSON; raise ChannelError, which names the host only: the rest may be a secret.

    A proxy of the environment (HTTPS_PROXY) counts, but not for this machine.
    """
    host = urlsplit(url).hostname or ""
    sent = {
        "Content-Type": "application/json",
        "User-Agent": f"pgward/{__version__}",
        "Accept-Encoding": "identity",
        **headers,
    }
    try:
        with (
            httpx2.Client(
                verify=tls_context(ca_file, directory) if url.startswith("https") else True,
                timeout=SECONDS,
                follow_redirects=False,
                trust_env=host not in LOOPBACK,
            ) as client,
            # What it answers besides the status is not read.
            client.stream("POST", url, content=body, headers=sent) as response,
        ):
            _check(host, response)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        why = one_line(str(error) or type(error).__name__, 200)
        raise ChannelError(f"{host} cannot be reached: {why}") from error


def _check(host: str, response: httpx2.Response) -> None:
    if response.is_success:
        return
    status = response.status_code
    raise ChannelError(
        f"{host} answers with HTTP status {status}",
        for_good=status in _FOR_GOOD,
        retry_after=_retry_after(response.headers.get("retry-after", "")),
    )


def _retry_after(value: str) -> float | None:
    """Read seconds (RFC 9110 section 10.2.3); a date is not looked at."""
    if not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:9]), _MOST_SECONDS)
