import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.hba.check import certificates
from pgward.pki import keys
from tests.fixtures.pki import NOW, Hierarchy, TestCa

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
PKI = Hierarchy()


def leaf(key=None, eku=(SERVER,)):
    return certificates.certificate(PKI.issuing.issue("db1", key or keys.generate(), eku))


def crl(*extra: tuple[x509.ExtensionType, bool]) -> str:
    found = x509.load_der_x509_crl(PKI.issuing.crl(extra=extra))
    return certificates.revocation_list(found).partial


def test_names_and_times() -> None:
    found = leaf()
    issuing = certificates.certificate(PKI.issuing.certificate)
    root = certificates.certificate(PKI.root.certificate)
    assert (found.subject, found.issuer) == ("CN=db1", "CN=issuing")
    assert found.is_current(NOW)
    assert (found.issuer_id, found.authority_id) == (issuing.subject_id, issuing.key_id)
    assert [each.is_root for each in (found, issuing, root)] == [False, False, True]


def test_a_key_and_its_certificate() -> None:
    key, other = keys.generate(), keys.generate()
    assert leaf(key).public_key == certificates.public_key(key) != certificates.public_key(other)


@pytest.mark.parametrize(
    ("key", "kind", "weakness"),
    [
        (keys.generate(), "EC 256", ""),
        (ec.generate_private_key(ec.SECP192R1()), "EC 192", "its elliptic curve has 192 bits"),
        (rsa.generate_private_key(65537, 2048), "RSA 2048", ""),
        (rsa.generate_private_key(65537, 1024), "RSA 1024", "its RSA key has 1024 bits"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA", ""),
        (dsa.generate_private_key(1024), "DSA", "its key is for DSA"),
    ],
    ids=["p256", "p192", "rsa", "short", "ed25519", "dsa"],
)
def test_keys(key, kind, weakness) -> None:
    found = leaf(key)
    assert (found.key, found.weakness) == (kind, weakness)


def test_signatures_count_where_somebody_looks_at_them(tmp_path) -> None:
    def weakness(name: str, hash_: str, *by: str) -> str:
        make = ["openssl", "req", "-x509", f"-{hash_}", "-newkey", "rsa:2048", "-noenc", *by]
        files = ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        subprocess.run([*make, *files], cwd=tmp_path, check=True, capture_output=True)
        pem = (tmp_path / f"{name}.crt").read_bytes()
        return certificates.certificate(x509.load_pem_x509_certificate(pem)).weakness

    assert weakness("root", "sha1") == ""
    by_root = ("-CA", "root.crt", "-CAkey", "root.key")
    assert weakness("a", "sha1", *by_root) == "it is signed with SHA1"
    assert weakness("b", "sha256", *by_root) == ""


@pytest.mark.parametrize(
    ("usages", "is_server"), [((), True), ((SERVER, CLIENT), True), ((CLIENT,), False)]
)
def test_usages(usages, is_server) -> None:
    assert leaf(eku=usages).is_server is is_server


def test_lists() -> None:
    ca = TestCa.root("Root CA")
    found = certificates.revocation_list(x509.load_der_x509_crl(ca.crl()))
    known = certificates.certificate(ca.certificate)
    assert found.is_of(known)
    assert not found.is_of(certificates.certificate(TestCa.root("root ca").certificate))
    assert found.issuer_id == known.subject_id
    assert found.is_current(NOW)


def test_lists_that_are_not_full_ones() -> None:
    def point(**more):
        given = {
            **dict.fromkeys(("full_name", "relative_name", "only_some_reasons")),
            **dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs"), False),
            **dict.fromkeys(("indirect_crl", "only_contains_attribute_certs"), False),
            **more,
        }
        return x509.IssuingDistributionPoint(**given)

    uri = [x509.UniformResourceIdentifier("http://x")]
    assert crl() == ""
    assert "IssuingDistributionPoint" in crl((point(full_name=uri), True))
    assert "IssuingDistributionPoint" in crl((point(only_contains_user_certs=True), True))
    assert "a delta" in crl((x509.DeltaCRLIndicator(1), True))
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\0")
    assert "1.2.3.4" in crl((odd, True))
    assert crl((odd, False)) == ""


def test_pem_is_what_others_write() -> None:
    """A list as OpenSSL reads it back."""
    found = x509.load_der_x509_crl(PKI.root.crl())
    again = x509.load_pem_x509_crl(found.public_bytes(Encoding.PEM))
    assert certificates.revocation_list(found) == certificates.revocation_list(again)
