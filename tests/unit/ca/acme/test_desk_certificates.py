import pytest
import sqlalchemy as sa
from cryptography import x509

from pgward.ca import hierarchy
from pgward.ca.acme import renewal
from pgward.ca.authority import Authority
from pgward.ca.hierarchy import Hierarchies, Hierarchy
from pgward.ca.records import CaName, Kind
from pgward.ca.standing import Standing
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.schema_acme import acme_keys
from pgward.pki import keys, pem
from pgward.pki.jws import encode
from tests.fixtures.acme_client import kind_of
from tests.fixtures.authority import START
from tests.fixtures.ca_service import URL, request_pem
from tests.fixtures.pkilint import lint_certificate


@pytest.fixture
def client(acme):
    return acme.client()


def _url(leaf) -> str:
    return f"{URL}/acme/certificate/{leaf.serial_number:x}"


def test_the_chain_comes_leaf_first_and_without_the_root(acme, client):
    leaf, issuing = acme.issue(client, "db1.test", "a.db.test")
    assert leaf.subject.rfc4514_string() == "CN=db1.test"
    assert leaf.issuer == issuing.subject
    leaf.verify_directly_issued_by(issuing)
    answer = client.post(_url(leaf))
    assert answer.headers["content-type"] == "application/pem-certificate-chain"
    assert answer.content == pem.join([leaf, issuing])


def test_a_certificate_is_its_account_s(acme, client):
    leaf, _ = acme.issue(client, "db1.test")
    other = acme.client(acme.key("db2"))
    assert other.post(_url(leaf)).status_code == 404
    assert client.post(f"{URL}/acme/certificate/abc").status_code == 404
    assert kind_of(client.post(_url(leaf), {})) == "malformed"


def _state(acme, leaf) -> tuple[str, str | None]:
    wanted = CertificateFilter(serial=f"{leaf.serial_number:x}")
    with acme.store.read() as connection:
        (row,) = stored.find(connection, wanted)
    return row["state"], row["reason"]


@pytest.mark.parametrize(
    ("code", "reason"), [(0, "unspecified"), (1, "key_compromise"), (4, "superseded")]
)
def test_the_account_revokes(acme, client, code, reason):
    leaf, _ = acme.issue(client, "db1.test")
    assert client.revoke(leaf, reason=code).status_code == 200
    assert _state(acme, leaf) == ("revoked", reason)
    again = client.revoke(leaf)
    assert (again.status_code, kind_of(again)) == (400, "alreadyRevoked")


def test_who_has_the_certificate_s_key_revokes(acme, client):
    key = keys.generate()
    leaf, _ = acme.issue(client, "db1.test", key=key)
    holder = acme.stranger(key=key)
    assert holder.revoke(leaf, reason=1).status_code == 200
    assert _state(acme, leaf) == ("revoked", "key_compromise")
    (event,) = [e for e in acme.events() if e["action"] == "certificate.revoke"]
    assert (event["actor"], event["details"]["by"]) == ("host:db1.test", "acme")


def test_who_proved_all_of_its_names_revokes(acme, client):
    """RFC 8555 section 7.6: a name went to another machine, say."""
    leaf, _ = acme.issue(client, "db1.test", "a.db.test")
    other = acme.client(acme.key("db2"))
    acme.prove(other, other.order("db1.test").json())
    assert kind_of(other.revoke(leaf)) == "unauthorized"
    acme.prove(other, other.order("a.db.test").json())
    assert kind_of(other.revoke(leaf, reason=1)) == "badRevocationReason"
    assert _state(acme, leaf) == ("issued", None)
    assert other.revoke(leaf, reason=5).status_code == 200
    assert _state(acme, leaf) == ("revoked", "cessation_of_operation")


@pytest.mark.parametrize("how", ["day", "key", "deactivated"])
def test_what_was_proved_once_counts_no_more(acme, client, how):
    leaf, _ = acme.issue(client, "db1.test")
    other = acme.client(acme.key("db2"))
    order = other.order("db1.test").json()
    acme.prove(other, order)
    if how == "day":
        acme.clock.move(days=1)
        other.nonce = None
    elif how == "key":
        with acme.store.write() as transaction:
            db2 = acme_keys.c.name == "db2"
            transaction.execute(sa.update(acme_keys).where(db2).values(dns=[]))
    else:
        other.post(order["authorizations"][0], {"status": "deactivated"})
    assert kind_of(other.revoke(leaf)) == "unauthorized"


def test_an_enrolled_machine_s_certificate_is_not_an_account_s_to_revoke(acme, client):
    made = acme.service.office.authority.issue_server(
        request_pem().encode(), kind=Kind.HOST, name="db1", dns=["db1.test"]
    )
    acme.prove(client, client.order("db1.test").json())
    assert kind_of(client.revoke(made.certificate)) == "unauthorized"


def test_that_the_key_is_compromised_replaces_another_reason(acme, client):
    key = keys.generate()
    leaf, _ = acme.issue(client, "db1.test", key=key)
    client.revoke(leaf, reason=4)
    holder = acme.stranger(key=key)
    assert kind_of(holder.revoke(leaf, reason=5)) == "alreadyRevoked"
    assert holder.revoke(leaf, reason=1).status_code == 200
    assert _state(acme, leaf) == ("revoked", "key_compromise")
    assert kind_of(holder.revoke(leaf, reason=1)) == "alreadyRevoked"


def test_nobody_else_does(acme, client):
    leaf, issuing = acme.issue(client, "db1.test")
    assert kind_of(acme.client(acme.key("db2")).revoke(leaf)) == "unauthorized"
    assert kind_of(acme.stranger().revoke(leaf)) == "unauthorized"
    answer = client.revoke(issuing)
    assert (answer.status_code, kind_of(answer)) == (404, "malformed")
    assert kind_of(client.revoke(leaf, reason=6)) == "badRevocationReason"
    for wrong in ({"certificate": "AAAA"}, {"certificate": "="}, {}):
        assert kind_of(client.post(client.directory["revokeCert"], wrong)) == "malformed"
    assert _state(acme, leaf)[0] == "issued"


def test_a_certificate_that_only_looks_like_ours_is_not_revoked(acme, client):
    leaf, _ = acme.issue(client, "db1.test")
    key = keys.generate()
    forged = (
        x509.CertificateBuilder(leaf.issuer, leaf.subject, key.public_key(), leaf.serial_number)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .sign(key, leaf.signature_hash_algorithm)
    )
    assert acme.stranger(key=key).revoke(forged).status_code == 404
    assert _state(acme, leaf)[0] == "issued"


def test_renewal_information_is_there_for_anyone(acme, client):
    leaf, issuing = acme.issue(client, "db1.test")
    base = client.directory["renewalInfo"]
    answer = client.http.get(f"{base}/{renewal.identify(leaf)}")
    assert (answer.status_code, answer.headers["retry-after"]) == (200, "21600")
    window = answer.json()["suggestedWindow"]
    assert window == {"start": "2026-12-10T02:23:37Z", "end": "2026-12-12T11:59:42Z"}
    client.revoke(leaf)
    revoked = client.http.get(f"{base}/{renewal.identify(leaf)}").json()["suggestedWindow"]
    assert revoked["end"] < START.isoformat()
    for text in ("AAAA.AQ", "x", f"AAAA.{encode(b'1')}", str(renewal.identify(issuing))):
        assert client.http.get(f"{base}/{text}").status_code in (400, 404)


def test_a_rotation_has_hosts_renew_at_once(acme, client, hierarchies, monkeypatch):
    leaf, _ = acme.issue(client, "db1.test")
    other = hierarchy.create("Acme", CaName.SERVER_ROOT, CaName.SERVER_ISSUING, START)
    standing = Standing.of(
        Hierarchies(hierarchies.user, Hierarchy(other.root.certificate, other.issuing.as_issuing()))
    )
    monkeypatch.setattr(Authority, "standing", standing)
    url = f"{client.directory['renewalInfo']}/{renewal.identify(leaf)}"
    assert client.http.get(url).json()["suggestedWindow"]["end"] < START.isoformat()


@pytest.mark.parametrize("names", [("db1.test", "192.0.2.1"), ("2001:db8::1",)])
def test_pkilint_finds_nothing(acme, names):
    eab = acme.key(pre_authorized=True, ips=["192.0.2.0/24", "2001:db8::/32"])
    leaf, _ = acme.issue(acme.client(eab), *names)
    assert lint_certificate(leaf) == []
