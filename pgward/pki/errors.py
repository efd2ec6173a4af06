"""What can be wrong with keys, certificates and signed statements."""

from typing import ClassVar

from pgward.core.errors import DeniedError, InvalidInputError, PgwardError


class BadKeyError(InvalidInputError):
    """A key cannot be read, or is of a kind or size that is not accepted."""


class CompromisedKeyError(DeniedError):
    """A key is to be certified that was revoked as compromised."""

    def __init__(self) -> None:
        super().__init__("the key was revoked as compromised", hint="make a new key")


class BadCertificateError(InvalidInputError):
    """Bytes that should be certificates are not."""


class BadRequestError(InvalidInputError):
    """A certificate signing request is malformed or does not prove possession of its key."""


class CrlError(InvalidInputError):
    """A CRL is malformed, not signed by its issuer, or missing."""


class DerError(InvalidInputError):
    """Bytes that should be DER are not, or not what stands there in this format."""


class OcspError(InvalidInputError):
    """An OCSP request is malformed."""


class ChainError(DeniedError):
    """A certificate does not lead to a trusted root for the purpose asked for."""


class ProofError(DeniedError):
    """A DPoP proof is malformed, stale, or made for another request, token or key."""


class SnapshotError(DeniedError):
    """A snapshot is malformed or not signed by the CA."""


class LogError(PgwardError):
    """The transparency log contradicts itself, or a statement about it does not hold."""

    code: ClassVar[str] = "log"
