"""Proofs from the CA, over this host's machine identity."""

from datetime import UTC, datetime
from typing import Any

from pgward.client.machine import Machine
from pgward.core.errors import UnavailableError
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.install.source import MachineSource
from pgward.hba.login.shown import Shown
from pgward.hba.prove.proofs import Proof, Proofs
from pgward.pki import csr, keys, pem
from pgward.pki.errors import BadCertificateError

_VARIANTS = {
    Proof.VALID: "valid",
    Proof.EXPIRED: "expired",
    Proof.EARLY: "not_yet_valid",
    Proof.REVOKED: "revoked",
}


class CaProofs:
    """Asks the CA for proofs, and refreshes the host as its timer does."""

    def __init__(self, host: Host, source: MachineSource) -> None:
        self._host = host
        self._source = source

    def proofs(self, domain: str | None) -> Proofs:
        """Return new ones; raise UnavailableError, DeniedError."""
        return self._source.ask(lambda machine: _get(machine, domain))

    def refresh(self) -> None:
        """Install the lists that name what was revoked; raise PgwardError."""
        outcome = work.refresh(self._host, self._source, now=datetime.now(UTC))
        if outcome.away is not None:
            raise UnavailableError(outcome.away)


def _get(machine: Machine, domain: str | None) -> Proofs:
    key = keys.generate()
    body: dict[str, Any] = {"csr": csr.make(key).decode("ascii")}
    if domain is not None:
        body["domain"] = domain
    reply = machine.call("POST", "/v1/machine/proofs", body)
    roots = machine.trust()["user_roots"]
    try:
        behind = pem.split("".join(map(str, reply["chain"])).encode())
        shown = {
            proof: Shown((*pem.split(str(reply["certificates"][name]).encode()), *behind), key)
            for proof, name in _VARIANTS.items()
        }
        known = pem.split("".join(f"{root}\n" for root in roots).encode())
        return Proofs(str(reply["name"]), shown, tuple(known))
    except (KeyError, TypeError, BadCertificateError) as error:
        raise UnavailableError(
            "the CA sent certificates that cannot be read", hint="look at the CA's version"
        ) from error
