"""What the CA asks of a machine while one of its CAs is being replaced.

The machine tries for itself, with real TLS, and tells what came of it: whether its listener lets
a client of the new CA in, whether it trusts a server of the new CA, which certificate it presents.
"""

import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography import x509

from pgward.client.machine import Machine
from pgward.client.trust import verified_context
from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.pki import crl, csr, keys, pem
from pgward.pki.errors import BadCertificateError
from pgward.system.files import write_new

PROBE_SUBJECT = "pgward/probe"
"""Whom a client probe names: nobody, for no user can have a slash in the name."""
SERVER_NAME = "probe.pgward.invalid"
_FLIGHTS = 8  # a TLS 1.3 handshake takes three


@dataclass(frozen=True, slots=True)
class Order:
    """Something to show; ``issuer`` is the key identifier of the new CA.

    It is asked since the snapshot of this ``version``.
    """

    rotation: str
    phase: str
    need: str
    issuer: bytes
    version: int = 0

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read the CA's order."""
        return cls(
            str(fields["rotation"]),
            str(fields["phase"]),
            str(fields["need"]),
            bytes.fromhex(fields["issuer"]),
            int(fields.get("version", 0)),
        )


@dataclass(frozen=True, slots=True)
class Orders:
    """All that is asked now: first to renew the machine's certificate."""

    renew: bool
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A certificate of the new CA in nobody's name, with its chain and key in one PEM text."""

    text: bytes

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Give it as a file, for OpenSSL reads nothing else; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="pgward-") as directory:
            path = Path(directory) / "probe.pem"
            write_new(path, self.text)
            yield path


class ProbeError(PgwardError):
    """The probe showed that the machine is not ready."""


Show = Callable[[Order], None]
"""Shows what an order asks for on a listener; raises ProbeError when it is not so."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which worker of how many this is."""

    number: int = 0
    count: int = 1


class Duties:
    """Carries out orders, for one machine or one worker of it."""

    def __init__(self, machine: Machine, part: Part | None = None) -> None:
        self._machine = machine
        self._part = part or Part()

    def ask(self) -> Orders:
        """Return what the CA wants; nothing of a CA that knows no rotations."""
        try:
            reply = self._machine.call("GET", "/v1/machine/orders", {"part": self._part.number})
        except NotFoundError:
            return Orders(renew=False, orders=())
        return Orders(bool(reply["renew"]), tuple(Order.read(each) for each in reply["orders"]))

    def probe(self, order: Order) -> Probe:
        """Get a probe certificate of the new CA."""
        key = keys.generate()
        body = {"rotation": order.rotation, "csr": csr.make(key).decode("ascii")}
        reply = self._machine.call("POST", "/v1/machine/probes", body)
        try:
            texts = [str(reply["certificate"]), *map(str, reply["chain"])]
            chain = pem.split("".join(texts).encode())
        except (KeyError, TypeError, BadCertificateError) as error:
            raise UnavailableError(
                "the CA sent a probe that cannot be read", hint="look at the CA's version"
            ) from error
        return Probe(keys.to_pem(key, None) + pem.join(chain))

    def carry_out(self, order: Order, show: Show) -> str | None:
        """Do what an order asks, and report it; return what was wrong, None when it was right.

        ``show`` is for what the machine's own listener must show.
        """
        try:
            if order.need == "server-probe":
                roots = self._machine.paths.ca.read_text("ascii")
                check_trust(self.probe(order), roots)
            else:
                show(order)
        except ProbeError as error:
            self._report(order, ok=False, message=error.message)
            return error.message
        self._report(order, ok=True, message="")
        return None

    def _report(self, order: Order, *, ok: bool, message: str) -> None:
        body = {
            "rotation": order.rotation,
            "phase": order.phase,
            "part": self._part.number,
            "parts": self._part.count,
            "ok": ok,
            "message": message[:1000],
        }
        self._machine.call("POST", "/v1/machine/reports", body)


def check_trust(probe: Probe, server_roots: str) -> None:
    """See that whoever has these roots trusts a server with the probe; raise ProbeError.

    Both ends of the handshake are here, so it needs no network and nobody's cooperation.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with probe.file() as path:
        server.load_cert_chain(path)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = verified_context([server_roots]).wrap_bio(
        to_client, to_server, server_hostname=SERVER_NAME
    )
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    try:
        for _ in range(_FLIGHTS):
            done = [_step(end) for end in (client_end, server_end)]
            if all(done):
                return
    except ssl.SSLCertVerificationError as error:
        raise ProbeError(
            f"it does not trust servers of the new CA: {error.verify_message}"
        ) from error
    except ssl.SSLError as error:
        raise ProbeError(f"the TLS probe failed: {error.reason}") from error
    raise ProbeError("the TLS probe came to no end")


def check_presented(der: bytes, order: Order) -> None:
    """See that a listener presents a certificate of the new CA; raise ProbeError."""
    leaf = x509.load_der_x509_certificate(der)
    if crl.issuer_key_id(leaf) != order.issuer:
        raise ProbeError(
            f"it still presents a certificate of {leaf.issuer.rfc4514_string()}",
        )


def _step(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
