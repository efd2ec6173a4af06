"""Somebody whose login certificate is of another CA, and otherwise as it should be."""

from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pgward.core.clock import SystemClock
from pgward.demo.parts import Identity
from pgward.system.files import atomic_write

_HOUR = timedelta(hours=1)


def make(directory: Path, name: str) -> Identity:
    """Write a certificate for ``name`` by a CA that nobody here knows, with its key."""
    directory.mkdir(mode=0o700)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issued = _certificate(name, key.public_key(), "somebody else's CA", ca_key)
    cert, key_file = directory / "login.crt", directory / "login.key"
    atomic_write(cert, issued.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    atomic_write(key_file, key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return Identity(issued.serial_number, str(cert), str(key_file), str(cert))


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, ca: str, ca_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(ca))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _HOUR)
        .not_valid_after(now + _HOUR)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
