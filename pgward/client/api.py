"""The CA's HTTP API: one client, a proof of possession per request, errors as our own."""

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, Self

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward import __version__
from pgward.client import failures
from pgward.client.trust import Trust, choose_root, unverified_context, verified_context
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import UnavailableError
from pgward.pki import fingerprint, pem, proof
from pgward.pki.errors import BadCertificateError

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_MAX_ANSWER = 64 * 1024 * 1024
_CLOCK_TOLERANCE = timedelta(seconds=60)
_NO_CONTENT = 204
_CONFLICT = 409


class Prover(Protocol):
    """Gives the headers that prove who sends a request."""

    def headers(self, method: str, url: str, now: datetime) -> dict[str, str]:
        """Return the headers for one request; each proof is used once."""
        ...


class PersonProver:
    """A person's login token, bound to the device key (RFC 9449); no token before login."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, token: str | None = None) -> None:
        self._key = key
        self._token = token

    def headers(self, method: str, url: str, now: datetime) -> dict[str, str]:
        """Return a proof by the device key, and the token once there is one."""
        headers = {"DPoP": proof.make(self._key, method, url, now=now, token=self._token)}
        if self._token is not None:
            headers["Authorization"] = f"DPoP {self._token}"
        return headers


class MachineProver:
    """A machine's certificate (leaf and issuing CA) and its key."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> None:
        self.key = key
        self.chain = chain

    def headers(self, method: str, url: str, now: datetime) -> dict[str, str]:
        """Return a proof by the certificate's key."""
        return {"DPoP": proof.make(self.key, method, url, now=now, chain=self.chain)}


class ApiClient:
    """Speaks to one CA under ``/v1``. Threads may share it; close it after use.

    Every call raises the pgward.core.errors class that the CA's error names, or
    UnavailableError when the CA cannot be reached or does not answer in time. ``prover``
    may be replaced at any time, by a renewed certificate's.
    """

    def __init__(
        self,
        url: str,
        server_roots: Sequence[str],
        *,
        prover: Prover | None = None,
        clock: Clock | None = None,
        timeout: float = _ANSWER_SECONDS,
        context: ssl.SSLContext | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self.prover = prover
        self._clock = clock or SystemClock()
        self._skew = timedelta()
        self._http = httpx2.Client(
            verify=context or verified_context(list(server_roots)),
            timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            headers={"User-Agent": f"pgward/{__version__}"},
            follow_redirects=False,
            transport=transport,
        )

    @classmethod
    def of(cls, trust: Trust, *, prover: Prover | None = None, clock: Clock | None = None) -> Self:
        """Return a client for the CA that ``trust`` pins."""
        return cls(trust.ca_url, trust.server_roots, prover=prover, clock=clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """GET an object; parameters that are None are left out."""
        return self.call("GET", path, params=params)

    def get_bytes(self, path: str, *, timeout: float | None = None, **params: Any) -> bytes:
        """GET what is not one JSON object, as it is; parameters that are None are left out."""
        return self._answer("GET", path, None, params, timeout)[1]

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST an object."""
        return self.call("POST", path, body=body or {})

    def put(self, path: str, body: Mapping[str, Any], **params: Any) -> dict[str, Any]:
        """PUT an object."""
        return self.call("PUT", path, body=body, params=params)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH an object."""
        return self.call("PATCH", path, body=body)

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE what is at ``path``."""
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its JSON object, empty for 204 No Content."""
        status, data = self._answer(method, path, body, params, timeout)
        if status == _NO_CONTENT or not data:
            return {}
        return failures.read_object(data, self.url)

    def put_content(
        self, path: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """PUT what is not JSON; return the status, 409 as well, and the object that came back."""
        request = self._request("PUT", path, None, None, None, content=content)
        request.headers.update(headers)
        status, data = self._send(request, _CONFLICT)
        return status, failures.read_object(data, self.url)

    @property
    def skew(self) -> timedelta:
        """How far our clock was ahead of the CA's at its last answer, to about a second."""
        return self._skew

    def check_clock(self) -> None:
        """Raise when the last answer's clock and ours are more than a minute apart."""
        if abs(self._skew) > _CLOCK_TOLERANCE:
            raise failures.clock_error(self._skew, self.url)

    def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, Any] | None,
        timeout: float | None,
    ) -> tuple[int, bytes]:
        request = self._request(method, path, body, params, timeout)
        return self._send(request)

    def _send(self, request: httpx2.Request, *also: int) -> tuple[int, bytes]:
        """Return status and content; a failure's status is an error unless it is one of these."""
        try:
            response = self._http.send(request, stream=True)
            try:
                data = _bounded(response, self.url)
            finally:
                response.close()
        except httpx2.HTTPError as error:
            raise failures.connection_error(error, self.url) from error
        self._note_clock(response)
        if not response.is_success and response.status_code not in also:
            problem = failures.from_answer(response.status_code, data, self.url)
            raise failures.blame_clock(problem, self._skew, _CLOCK_TOLERANCE, self.url)
        return response.status_code, data

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, Any] | None,
        timeout: float | None,
        *,
        content: bytes | None = None,
    ) -> httpx2.Request:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        limits: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        request = self._http.build_request(
            method,
            f"{self.url}{path}",
            json=body,
            content=content,
            params=given or None,
            **limits,
        )
        if self.prover is not None:  # it signs the address as it is sent, escapes included
            request.headers.update(self.prover.headers(method, str(request.url), self._clock.now()))
        return request

    def _note_clock(self, response: httpx2.Response) -> None:
        try:
            theirs = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError, TypeError):
            return  # a server without a clock tells nothing about ours
        if theirs.tzinfo is not None:
            self._skew = self._clock.now() - theirs


def _bounded(response: httpx2.Response, url: str) -> bytes:
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > _MAX_ANSWER:
            raise UnavailableError(f"{failures.host_of(url)} sent more than {_MAX_ANSWER} bytes")
    return bytes(data)


def pin(url: str, expected: str, *, clock: Clock | None = None) -> Trust:
    """Return the trust in the CA at ``url`` whose server root has the fingerprint.

    Raises FingerprintError; UnavailableError when the CA does not answer, or when its
    own certificate does not verify against that root and host name.
    """
    canonical = fingerprint.parse(expected)
    with ApiClient(url, (), clock=clock, context=unverified_context()) as first:
        answer = first.get("/v1/trust")
    try:
        root = choose_root(answer, canonical)
    except (KeyError, TypeError, BadCertificateError) as error:
        raise failures.not_a_ca(url) from error
    trust = Trust(url, canonical, (pem.text(root),))
    with ApiClient.of(trust, clock=clock) as client:
        client.get("/v1/health")
        client.check_clock()
    return trust
