from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pgward.demo import stranger


def test_a_stranger_has_the_name_and_not_the_ca(tmp_path):
    who = stranger.make(tmp_path / "s", "alice")
    certificate = x509.load_pem_x509_certificate(Path(who.cert).read_bytes())
    key = serialization.load_pem_private_key(Path(who.key).read_bytes(), None)
    assert certificate.subject.rfc4514_string() == "CN=alice"
    assert certificate.issuer.rfc4514_string() == "CN=somebody else's CA"
    assert certificate.public_key() == key.public_key()
    assert certificate.serial_number == who.serial
    assert Path(who.key).stat().st_mode & 0o777 == 0o600
