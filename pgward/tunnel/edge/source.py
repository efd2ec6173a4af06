"""The CA as an edge sees it: the machine identity's client, and when to renew."""

from collections.abc import Sequence
from datetime import timedelta

from cryptography import x509

from pgward.client.machine import Machine
from pgward.pki import pem
from pgward.tunnel.edge.kept import Answer


class CaSource:
    """A ``Source`` for the feed, over the edge's own enrolment."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.name: str = machine.name

    def roots(self) -> Sequence[x509.Certificate]:
        """Return the server roots that may have signed a snapshot."""
        return pem.split(self._machine.paths.ca.read_bytes())

    def snapshot(self, after: int, wait: float, tag: str) -> Answer | None:
        """Return a newer snapshot, or None when none came within ``wait`` seconds."""
        reply = self._machine.snapshot(after, wait, tag)
        if reply is None:
            return None
        parts = reply.get("parts") or {}  # an older CA knows none
        return Answer(str(reply["snapshot"]), {name: str(parts[name]) for name in parts})

    def renew_if_due(self) -> bool:
        """Renew the edge's certificate when a third of its life is left.

        True when it is another one now: another worker of this edge may have renewed it.
        """
        leaf = self._machine.leaf
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        return self._machine.ensure_certificate(life / 3 + timedelta.resolution)


def certificate(machine: Machine) -> x509.Certificate:
    """Return the leaf certificate that a machine uses now."""
    return pem.split(machine.paths.cert.read_bytes())[0]


def domains(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return the domains under which the edge may be asked for ``service.domain``."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        name.removeprefix("*.").lower()
        for name in names.get_values_for_type(x509.DNSName)
        if name.startswith("*.")
    )
