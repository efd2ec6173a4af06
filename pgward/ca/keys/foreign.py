"""Key objects whose private half is elsewhere.

``cryptography`` builds certificates, CRLs, OCSP responses and requests by calling ``sign`` on the
key that it is given. These keys pass that on, and hand out no signature that does not verify: a
token with a fault, or a helper that signs something else, is found before anything is issued.
"""

from collections.abc import Callable
from typing import Any, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from pgward.ca.keys.errors import SigningError
from pgward.pki import key_types
from pgward.pki.key_types import SigningKey, VerifyingKey

Sign = Callable[[bytes], bytes]  # the data to sign -> a signature as X.509 has it, by this key


def adopt(public_key: VerifyingKey, sign: Sign, where: str) -> SigningKey:
    """Return a key that signs by ``sign``; ``where`` names it in errors.

    ECDSA signatures are DER, RSA ones PKCS#1 v1.5, each over the hash that the key's type has.
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _ForeignEc(public_key, sign, where)
    if isinstance(public_key, rsa.RSAPublicKey):
        return _ForeignRsa(public_key, sign, where)
    return _ForeignEd25519(public_key, sign, where)


class _Foreign:
    """What the three kinds share."""

    def __init__(self, public_key: Any, sign: Sign, where: str) -> None:
        self._public = public_key
        self._sign = sign
        self._where = where
        self._hash = key_types.signing_hash(public_key)

    def __repr__(self) -> str:
        return f"<foreign key {self._where}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        return self

    def _signed(self, data: Any, verify: Callable[[bytes, bytes], None]) -> bytes:
        message = bytes(data)
        signature = self._sign(message)
        try:
            verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SigningError(
                f"{self._where} made a signature that its public key does not verify",
                hint="nothing was issued; the key may have been replaced by another one",
            ) from error
        return signature

    def _expect(self, algorithm: object) -> None:
        """Refuse another hash: the other side decides it by the key's type alone."""
        same = isinstance(algorithm, hashes.HashAlgorithm) and self._hash is not None
        if not same or algorithm.name != self._hash.name:  # type: ignore[union-attr, attr-defined] # both checked by same
            self._refuse()

    def _refuse(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise SigningError(f"{self._where} cannot be used in this way")


class _ForeignEc(_Foreign, ec.EllipticCurvePrivateKey):
    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        algorithm = signature_algorithm.algorithm
        self._expect(algorithm)
        return self._signed(
            data, lambda made, message: self._public.verify(made, message, signature_algorithm)
        )

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public  # type: ignore[no-any-return] # given as such

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        return self.public_key().key_size

    exchange = private_numbers = private_bytes = _Foreign._refuse  # noqa: SLF001


class _ForeignRsa(_Foreign, rsa.RSAPrivateKey):
    def sign(
        self,
        data: Any,
        padding: Any,
        algorithm: Prehashed | hashes.HashAlgorithm | Any,
    ) -> bytes:
        self._expect(algorithm)
        if not isinstance(padding, _PKCS1):
            self._refuse()
        return self._signed(
            data, lambda made, message: self._public.verify(made, message, padding, algorithm)
        )

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public  # type: ignore[no-any-return] # given as such

    @property
    def key_size(self) -> int:
        return self.public_key().key_size

    decrypt = private_numbers = private_bytes = _Foreign._refuse  # noqa: SLF001


class _ForeignEd25519(_Foreign, ed25519.Ed25519PrivateKey):
    def sign(self, data: Any) -> bytes:
        return self._signed(data, self._public.verify)

    def public_key(self) -> ed25519.Ed25519PublicKey:
        return self._public  # type: ignore[no-any-return] # given as such

    private_bytes = private_bytes_raw = _Foreign._refuse  # noqa: SLF001


_PKCS1 = padding.PKCS1v15
