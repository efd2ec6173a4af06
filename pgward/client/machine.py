"""An edge or a PostgreSQL host towards the CA: enrolled once, renewed by its own certificate."""

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.client.api import ApiClient, MachineProver, pin
from pgward.client.certificates import NewCertificate
from pgward.client.identity import PRIVATE, PUBLIC, Generations, IdentityPaths
from pgward.client.trust import parse_url
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.pki import csr, fingerprint, keys, pem
from pgward.system.files import FileLock, atomic_write, private_dir, prove_writable, storage_errors

MACHINE_FILE = "machine.json"
_PREFIX = "pgj1"
_LOCK = "lock"
_IDENTITY = "identity"
_MAX_TOKEN = 4096
_ROOM = 64 * 1024  # for the files of an identity, a block each


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What `pgward ca token` printed: the CA's URL, its fingerprint and a one-time secret."""

    url: str
    fingerprint: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``pgj1.…``; raise InvalidInputError, which never quotes the token."""
        prefix, _, body = text.strip().partition(".")
        body = body[:_MAX_TOKEN] if prefix == _PREFIX else ""
        try:
            fields = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            url, secret = parse_url(fields["url"]), fields["secret"]
            root = fingerprint.parse(fields["fingerprint"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PgwardError):
            raise InvalidInputError(
                "that is not a join token", hint="copy all of what `pgward ca token` printed"
            ) from None
        return cls(url, root, str(secret))


@dataclass(frozen=True, slots=True)
class About:
    """What ``machine.json`` holds: who the CA is, and who this machine is."""

    ca_url: str
    fingerprint: str
    name: str
    kind: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it; raise InvalidInputError when it is damaged."""
        with storage_errors(path, "read"):
            data = path.read_bytes()
        try:
            return cls(**{key: str(value) for key, value in json.loads(data).items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                "this file is damaged", where=str(path), hint="enroll this machine again"
            ) from error

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


class Machine:
    """One enrolled machine; its directory holds key, certificate, and who the CA is.

    Threads may share it: one may wait for a snapshot while another renews.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self._clock = clock
        self._generations = Generations(directory / _IDENTITY)
        self._client: ApiClient | None = None
        self._client_lock = threading.Lock()
        self._generation = Path()
        self._roots: list[str] = []
        self._about: About
        self._chain: list[x509.Certificate]
        self._prover: MachineProver
        self.reload()

    @classmethod
    def enroll(
        cls,
        directory: Path,
        token_text: str,
        *,
        advertise: str | None,
        clock: Clock | None = None,
        kind: str | None = None,
    ) -> Self:
        """Join with a one-time token; one that is enrolled already becomes the new machine.

        With ``kind`` the CA refuses a token for another one, and does not use it up.

        Raises InvalidInputError (the token's form), FingerprintError, DeniedError (used or
        expired), UnavailableError, StorageError. The token is used up only after the
        directory proved writable.
        """
        clock = clock or SystemClock()
        token = JoinToken.parse(token_text)
        private_dir(directory)
        with FileLock(directory / _LOCK):
            key = keys.generate()
            prove_writable(directory, _ROOM)
            trust = pin(token.url, token.fingerprint, clock=clock)
            body: dict[str, Any] = {
                "token": token.secret,
                "csr": csr.make(key).decode("ascii"),
                "advertise": advertise,
            }
            if kind is not None:  # an older CA knows no such field
                body["kind"] = kind
            with ApiClient.of(trust, clock=clock) as client:
                reply = client.post("/v1/enroll", body)
            certificate = NewCertificate.read(reply, key)
            about = About(trust.ca_url, trust.fingerprint, str(reply["name"]), str(reply["kind"]))
            install(Generations(directory / _IDENTITY), certificate, about, clock.now())
            atomic_write(directory / MACHINE_FILE, about.to_json())
        return cls(directory, clock)

    @classmethod
    def load(cls, directory: Path, *, clock: Clock | None = None) -> Self:
        """Return the machine enrolled in ``directory``; raise NotFoundError."""
        return cls(directory, clock or SystemClock())

    @property
    def paths(self) -> IdentityPaths:
        """Stable paths of certificate (leaf and issuing CA), key, and server roots."""
        current = self._generations.current
        return IdentityPaths(current / "host.crt", current / "host.key", current / "ca.crt")

    @property
    def name(self) -> str:
        """The machine's name at the CA."""
        return self._about.name

    @property
    def kind(self) -> str:
        """``edge``, ``host`` or ``connector``."""
        return self._about.kind

    @property
    def ca_url(self) -> str:
        """The CA's URL."""
        return self._about.ca_url

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the CA's server root."""
        return self._about.fingerprint

    @property
    def leaf(self) -> x509.Certificate:
        """The present certificate."""
        return self._chain[0]

    @property
    def credentials(self) -> tuple[ec.EllipticCurvePrivateKey, list[x509.Certificate]]:
        """The present key, for statements that are signed, and its certificates, leaf first."""
        return self._prover.key, self._prover.chain

    @property
    def not_after(self) -> datetime:
        """When the present certificate ends."""
        return self.leaf.not_valid_after_utc

    def reload(self) -> bool:
        """Read what is on disk now; tell whether it is another certificate than before."""
        active = self._generations.active()
        if active is None:
            raise _not_enrolled(self.directory)
        if active == self._generation:
            return False
        about = About.load(active / MACHINE_FILE)
        with storage_errors(active, "read"):
            chain = pem.split((active / "host.crt").read_bytes())
            key = keys.from_pem((active / "host.key").read_bytes(), None)
            roots = [(active / "ca.crt").read_text(encoding="ascii")]
        self._adopt(about, roots, MachineProver(key, chain))
        self._chain, self._generation = chain, active
        return True

    def _adopt(self, about: About, roots: list[str], prover: MachineProver) -> None:
        if self._client is not None and (self._about.ca_url, self._roots) == (about.ca_url, roots):
            self._client.prover = prover  # another thread may be in a long poll on it
        else:
            self.close()
        self._about, self._roots, self._prover = about, roots, prover

    def close(self) -> None:
        """Close the connection to the CA, if there is one."""
        with self._client_lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def renew(self) -> None:
        """Get a certificate with the same names for a new key, and install it."""
        with FileLock(self.directory / _LOCK):
            self.reload()
            self._renew()

    def ensure_certificate(self, min_remaining: timedelta) -> bool:
        """Renew when less than ``min_remaining`` is left; True when the certificate is new.

        One process renews at a time, and the others take what it got. The margin is never
        above half the certificate's life.
        """
        changed = self.reload()
        if not self._due(min_remaining):
            return changed
        with FileLock(self.directory / _LOCK):
            changed = self.reload() or changed
            if self._due(min_remaining):
                self._renew()
                changed = True
        return changed

    def skew(self) -> timedelta:
        """Return how far this machine's clock was ahead of the CA's at its last answer."""
        client = self._client
        return timedelta() if client is None else client.skew

    def trust(self) -> dict[str, list[str]]:
        """Return ``user_roots`` and ``server_roots`` in PEM."""
        reply = self._api().get("/v1/trust")
        return {
            name: [str(root) for root in reply[name]] for name in ("user_roots", "server_roots")
        }

    def crls(self) -> dict[str, bytes]:
        """Return every CA's newest revocation list in DER, by the CA's name."""
        client = self._api()
        names = [str(each["name"]) for each in client.get("/v1/crls")["crls"]]
        return {name: client.get_bytes(f"/v1/crls/{name}.crl") for name in names}

    def snapshot(self, after: int, wait: float, tag: str | None = None) -> dict[str, Any] | None:
        """Return a snapshot newer than version ``after``, waiting up to ``wait`` seconds for it.

        It is the signed text as it came: pgward.pki.snapshot verifies it. With the ``tag`` of the
        one at hand it may come in parts, of which the new ones stand in ``parts`` by digest.
        """
        params = {"after": after, "wait": wait, "tag": tag}
        reply = self._api().call("GET", "/v1/edge/snapshot", params=params, timeout=wait + 15)
        return reply or None

    def news(self, after: int, tag: str | None, wait: float) -> dict[str, Any] | None:
        """Return what a host must look at again; None when nothing changed in ``wait`` seconds.

        ``after`` and ``tag`` are the last reply's ``version`` and ``tag``.
        """
        params = {"after": after, "wait": wait} | ({} if tag is None else {"tag": tag})
        return self._api().call("GET", "/v1/host/news", params=params, timeout=wait + 15) or None

    def standings(
        self, serials: Sequence[str], sessions: Sequence[Mapping[str, str]] = ()
    ) -> dict[str, Any]:
        """Return how those of these certificates stand that the CA knows, and these sessions.

        ``sessions`` are a host's without a serial number: ``person`` and ``began``.
        """
        body: dict[str, Any] = {"serials": list(serials)}
        if sessions:
            body["sessions"] = [dict(each) for each in sessions]
        return self._api().post(f"/v1/{self.kind}/standings", body)

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Deliver audit events; return the ids that the CA has now."""
        reply = self._api().post(f"/v1/{self.kind}/events", {"events": list(events)})
        return [str(each) for each in reply["accepted"]]

    def call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the CA as this machine: ``fields`` are a GET's parameters, or else a body."""
        if method == "GET":
            return self._api().call(method, path, params=fields)
        return self._api().call(method, path, body=fields)

    def wait_for(self, path: str, fields: Mapping[str, Any], wait: float) -> dict[str, Any]:
        """GET what the CA may answer only after ``wait`` seconds (a long poll)."""
        asked = {**fields, "wait": wait}
        return self._api().call("GET", path, params=asked, timeout=wait + 15)

    def put_content(
        self, path: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """PUT what is not JSON; return the status, 409 as well, and the object that came back."""
        return self._api().put_content(path, content, headers)

    def _api(self) -> ApiClient:
        with self._client_lock:
            if self._client is None:
                self._client = ApiClient(
                    self.ca_url, self._roots, prover=self._prover, clock=self._clock
                )
            return self._client

    def _due(self, min_remaining: timedelta) -> bool:
        life = self.leaf.not_valid_after_utc - self.leaf.not_valid_before_utc
        return self.not_after - self._clock.now() < min(min_remaining, life / 2)

    def _renew(self) -> None:
        key = keys.generate()
        request = {"csr": csr.make(key).decode("ascii")}
        certificate = NewCertificate.read(self._api().post("/v1/machine/renew", request), key)
        install(self._generations, certificate, self._about, self._clock.now())
        self.reload()


def install(
    generations: Generations, certificate: NewCertificate, about: About, now: datetime
) -> None:
    """Make a machine's certificate the current one."""
    files = {
        "host.crt": (certificate.chain, PUBLIC),
        "host.key": (certificate.key_pem, PRIVATE),
        "ca.crt": (certificate.server_roots, PUBLIC),
        MACHINE_FILE: (about.to_json(), PUBLIC),
    }
    generations.install(files, now)


def _not_enrolled(directory: Path) -> NotFoundError:
    return NotFoundError(
        f"no machine is enrolled in {directory}",
        hint="get a token with `pgward ca token`, then enroll",
    )
