"""HTTP requests of sinks: one client, and which failures will pass."""

import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import httpx2

from pgward import __version__
from pgward.audit.sinks import tls
from pgward.audit.sinks.sink import SinkError, SinkUrl

_SECONDS: Final = 30.0
_SHOWN: Final = 200
_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class Poster:
    """Posts bodies to one URL; redirects are failures."""

    def __init__(self, url: SinkUrl, headers: Mapping[str, str]) -> None:
        self._url = url.http
        self._host = url.host
        verify: ssl.SSLContext | bool = tls.context(url) if self._url.startswith("https") else True
        self._http = httpx2.Client(
            verify=verify,
            timeout=_SECONDS,
            headers={"User-Agent": f"pgward/{__version__}", **headers},
            follow_redirects=False,
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the answer to a body that was taken; raise SinkError, which never quotes one."""
        try:
            response = self._http.post(self._url, content=body, headers=dict(headers))
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise SinkError(f"{self._host} cannot be reached: {reason[:_SHOWN]}") from error
        if response.is_success:
            return response.content
        passing = response.is_server_error or response.status_code in _PASSING
        raise SinkError(
            f"{self._host} answers with HTTP status {response.status_code}", retryable=passing
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
