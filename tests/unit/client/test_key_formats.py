from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from pgward.client.certificates import NewCertificate
from pgward.client.key_formats import DER_FILE, PKCS12_FILE, key_files
from pgward.pki import csr, keys, pem


def test_every_form_holds_the_same_key(fake_ca):
    key = keys.generate()
    reply = fake_ca.issue({"csr": csr.make(key).decode()})
    certificate = NewCertificate.read(reply, key)
    files = key_files(certificate)
    assert {name: mode for name, (_, mode) in files.items()} == {
        DER_FILE: 0o600,
        PKCS12_FILE: 0o600,
    }
    der = load_der_private_key(files[DER_FILE][0], None)
    bundle = load_pkcs12(files[PKCS12_FILE][0], b"pgward")
    assert keys.to_pem(der, None) == keys.to_pem(bundle.key, None) == certificate.key_pem
    assert bundle.cert.friendly_name == b"user"  # or pgjdbc shows nobody a certificate
    issuers = [each.certificate for each in bundle.additional_certs]
    assert [bundle.cert.certificate, *issuers] == pem.split(certificate.chain)
