import subprocess

from cryptography.hazmat.primitives.serialization import pkcs12 as reading
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.pki import keys, pkcs12
from tests.fixtures.pki import Hierarchy

KEY = keys.generate()
CAS = Hierarchy()
LEAF = CAS.issuing.issue("alice", KEY, [ExtendedKeyUsageOID.CLIENT_AUTH])
ISSUERS = [CAS.issuing.certificate]


def test_a_bundle_has_the_key_and_the_whole_chain():
    made = pkcs12.bundle("login", KEY, LEAF, ISSUERS)
    found = reading.load_pkcs12(made, pkcs12.PASSWORD.encode())
    assert keys.spki(found.key.public_key()) == keys.spki(LEAF.public_key())
    assert (found.cert.certificate, found.cert.friendly_name) == (LEAF, b"login")
    assert [each.certificate for each in found.additional_certs] == ISSUERS


def test_openssl_reads_it_and_finds_nothing_outdated(tmp_path):
    path = tmp_path / "login.p12"
    path.write_bytes(pkcs12.bundle("login", KEY, LEAF, ISSUERS))
    command = ["openssl", "pkcs12", "-in", path, "-info", "-nodes", "-passin", "pass:pgward"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("BEGIN CERTIFICATE") == 2
    assert keys.to_pem(KEY, None).decode() in done.stdout
    assert "PBES2, PBKDF2, AES-256-CBC, Iteration 1000, PRF hmacWithSHA256" in done.stderr
    assert "MAC: sha256, Iteration 2048" in done.stderr
