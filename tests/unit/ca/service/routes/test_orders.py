import pytest
from cryptography import x509

from pgward.ca.identity import machines
from pgward.pki import csr, keys
from tests.fixtures.ca_service import request_pem


@pytest.fixture
def name(rotating_ca):
    return rotating_ca.start("server-root").id


def test_machines_only(rotating_ca, name):
    body = {"rotation": name, "csr": request_pem()}
    assert rotating_ca.api.call("GET", "/v1/machine/orders").status_code == 401
    assert rotating_ca.admin.call("POST", "/v1/machine/probes", body).status_code == 403


def test_a_machine_that_asks_was_seen(rotating_ca):
    host = rotating_ca.host()
    rotating_ca.clock.move(hours=1)
    rotating_ca.ask(host)
    with rotating_ca.store.read() as connection:
        (found,) = machines.every(connection)
    assert found.last_seen_at == rotating_ca.clock.now()


def test_a_probe_is_of_the_new_ca_and_names_nobody(rotating_ca, name):
    edge = rotating_ca.edge()
    key = keys.generate()
    body = {"rotation": name, "csr": csr.make(key).decode()}
    answer = edge.call("POST", "/v1/machine/probes", body)
    assert answer.status_code == 200, answer.text
    found = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    known = rotating_ca.authority.standing.generations
    assert found.issuer == known.get("server-issuing-2").certificate.subject
    assert found.subject.rfc4514_string() == "CN=pgward/probe"
    assert found.public_key() == key.public_key()
    assert len(answer.json()["chain"]) == 2
    assert (found.not_valid_after_utc - rotating_ca.clock.now()).total_seconds() == 300


def test_there_is_no_probe_when_it_is_over(rotating_ca, name):
    edge = rotating_ca.edge()
    rotating_ca.rollback(name)
    body = {"rotation": name, "csr": request_pem()}
    assert edge.call("POST", "/v1/machine/probes", body).status_code == 409
    body = {"rotation": name, "phase": "trust-both", "ok": True}
    answer = edge.call("POST", "/v1/machine/reports", body)
    assert (answer.status_code, answer.json()) == (200, {"counted": False})


@pytest.mark.parametrize("part", [-1, 64])
def test_a_part_that_cannot_be(rotating_ca, part):
    edge = rotating_ca.edge()
    assert edge.call("GET", "/v1/machine/orders", query=f"?part={part}").status_code == 422
