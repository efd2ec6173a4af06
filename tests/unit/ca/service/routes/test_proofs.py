import pytest
from cryptography import x509

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.records import Kind
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import InvalidInputError
from pgward.pki import csr, keys, pem
from tests.fixtures.ca_service import request_pem

PATH = "/v1/machine/proofs"


@pytest.fixture
def host(api, admin):
    return api.machine(admin, "host", "db1")


def test_four_certificates_in_a_name_that_nobody_can_have(api, host, sql_authority):
    key = keys.generate()
    answer = host.call("POST", PATH, {"csr": csr.make(key, "root").decode()})
    assert answer.status_code == 200, answer.text
    found, now = answer.json(), api.clock.now()
    made = {
        variant: x509.load_pem_x509_certificate(each.encode())
        for variant, each in found["certificates"].items()
    }
    assert {each.subject.rfc4514_string() for each in made.values()} == {f"CN={found['name']}"}
    assert all(each.public_key() == key.public_key() for each in made.values())
    assert made["valid"].not_valid_before_utc < now < made["valid"].not_valid_after_utc
    assert made["expired"].not_valid_after_utc < now < made["not_yet_valid"].not_valid_before_utc
    issuing = sql_authority.trust.user_issuing[0]
    assert pem.split("".join(found["chain"]).encode())[0] == issuing
    assert all(each.issuer == issuing.subject for each in made.values())
    (crl,) = [each for each in sql_authority.user_crls() if each.name == "user-issuing"]
    revoked = {each.serial_number for each in x509.load_der_x509_crl(crl.der)}
    assert revoked == {made["revoked"].serial_number}


def test_it_is_on_record(api, host):
    name = host.call("POST", PATH, {"csr": request_pem()}).json()["name"]
    (event,) = [each for each in api.events() if each["action"] == "proof.issue"]
    assert (event["actor"], event["target"], event["outcome"]) == ("host:db1", name, "ok")
    assert event["details"].keys() == {"valid", "expired", "not_yet_valid", "revoked"}
    with api.store.read() as connection:
        rows = stored.find(connection, CertificateFilter(subject=name))
    assert {row["kind"] for row in rows} == {Kind.PROBE}
    assert {row["serial"] for row in rows} == set(event["details"].values())


def test_names_in_a_domain(host):
    body = {"csr": request_pem(), "domain": "corp.example"}
    assert host.call("POST", PATH, body).json()["name"].endswith("@corp.example")
    for domain in ("a b", "*", "x" * 40 + ".example"):
        assert host.call("POST", PATH, body | {"domain": domain}).status_code in {400, 422}


def test_hosts_only(admin, edge):
    body = {"csr": request_pem()}
    assert edge.call("POST", PATH, body).status_code == 403
    assert admin.call("POST", PATH, body).status_code == 403


def test_a_host_cannot_make_thousands(api, host):
    codes = [host.call("POST", PATH, {"csr": request_pem()}).status_code for _ in range(13)]
    assert codes == [200] * 12 + [429]
    other = api.machine(api.device("root"), "host", "db2")
    assert other.call("POST", PATH, {"csr": request_pem()}).status_code == 200


def test_a_bad_request_does_not_count(host):
    for _ in range(20):
        assert host.call("POST", PATH, {"csr": "nonsense"}).status_code in {400, 422}
    assert host.call("POST", PATH, {"csr": request_pem()}).status_code == 200


def test_nobody_else_gets_such_a_name(api, admin):
    body = {"name": "pgward_prove_0011223344556677"}
    answer = admin.call("POST", "/v1/users", body)
    assert answer.status_code == 422
    assert "is reserved" in answer.text
    new = NewUser("PGWARD_prove_x", groups=(), password_hash=None)
    with pytest.raises(InvalidInputError, match="reserved"), api.store.write() as transaction:
        directory.add(transaction, new, now=api.clock.now(), by="test")
