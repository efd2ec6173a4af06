from cryptography import x509

from pgward.pki import fingerprint


def test_anyone_may_read_what_to_trust(api, sql_authority):
    found = api.call("GET", "/v1/trust").json()
    assert found["name"] == "pgward"
    (root,) = [x509.load_pem_x509_certificate(pem.encode()) for pem in found["server_roots"]]
    assert fingerprint.of(root) == sql_authority.fingerprint
    assert len(found["user_roots"]) == 1
