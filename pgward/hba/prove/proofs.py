"""The certificates to try with, and where they come from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.core import names
from pgward.core.errors import InvalidInputError
from pgward.hba.login.shown import Shown
from pgward.pki import keys

_Named = tuple[x509.Name, ec.EllipticCurvePrivateKey]


class Proof(StrEnum):
    """What there is to say about a certificate."""

    VALID = "valid"
    EXPIRED = "expired"
    EARLY = "not yet valid"
    REVOKED = "revoked"
    FOREIGN = "another CA's"
    SERVER = "the server's own"


@dataclass(frozen=True, slots=True)
class Proofs:
    """Certificates in one reserved name; ``roots`` are the CAs that a server should trust."""

    name: str
    shown: Mapping[Proof, Shown]
    roots: tuple[x509.Certificate, ...]

    def __post_init__(self) -> None:
        # It becomes a role's name: a CA that was taken over must not choose somebody else's.
        if not names.is_proof(names.identity(self.name)):
            raise InvalidInputError(f"the CA gave certificates in the name {self.name!r}")
        if {each.name for each in self.shown.values()} != {self.name}:
            raise InvalidInputError("the CA gave certificates in another name than it said")

    @property
    def role(self) -> str:
        """The name without its domain."""
        return self.name.partition("@")[0]


class ProofSource(Protocol):
    """Where proofs come from."""

    def proofs(self, domain: str | None) -> Proofs:
        """Return new ones; raise UnavailableError when the CA is away, DeniedError."""
        ...

    def refresh(self) -> None:
        """Have the server know what was revoked; raise PgwardError."""
        ...


def foreign(like: Shown) -> Shown:
    """Return what looks like a certificate but for the keys: the same names, another CA's."""
    authorities = [*like.chain[1:]]
    issuer_names = [like.leaf.issuer, *(each.issuer for each in authorities)]
    made: list[x509.Certificate] = []
    signer = (issuer_names[-1], keys.generate())
    # From the top: each CA in the chain by the one above it, and the leaf at the end.
    for number, subject in enumerate(reversed([like.leaf.subject, *issuer_names[:-1]])):
        fresh = (subject, keys.generate())
        made.insert(0, _certificate(like.leaf, fresh, signer, ca=number < len(issuer_names) - 1))
        signer = fresh
    return Shown(tuple(made), signer[1])


def every(proofs: Proofs, server: Shown | None) -> Iterator[tuple[Proof, Shown]]:
    """Return all that can be shown: what the CA gave, and what is made of it here."""
    yield from proofs.shown.items()
    yield Proof.FOREIGN, foreign(proofs.shown[Proof.VALID])
    if server is not None:
        yield Proof.SERVER, server


def _certificate(
    like: x509.Certificate, subject: _Named, issuer: _Named, *, ca: bool
) -> x509.Certificate:
    public, signer = subject[1].public_key(), issuer[1]
    usage = dict.fromkeys(_USAGES, False)
    usage |= {"digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject[0])
        .issuer_name(issuer[0])
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    return builder.sign(signer, hashes.SHA256())


_USAGES: Sequence[str] = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
