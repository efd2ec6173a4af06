"""The ACME server of two replicas that share a PostgreSQL."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.acme import csr, issuing, orders, validator
from pgward.ca.acme.master import Master
from pgward.ca.acme.service import AcmeService
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.schema_acme import acme_accounts, acme_certificates
from pgward.pki import keys
from tests.fixtures.acme import Acme, DirectHttp
from tests.fixtures.acme_client import (
    AcmeClient,
    flattened,
    identifier,
    jwk_of,
    kind_of,
    request_der,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def url(database):
    """A database of this test's own, in the PostgreSQL that all tests share."""
    name = f"ca_{uuid.uuid4().hex[:12]}"
    database.psql(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={database.socket_dir}&port={database.port}"


@pytest.fixture
def store(url):
    """Replaces the SQLite store for everything that is built on it here."""
    made = stores.create(url)
    yield made
    made.close()


@dataclass
class Alternating:
    """Sends each request to the other replica."""

    replicas: list[DirectHttp]

    def __getattr__(self, name):
        self.replicas.reverse()
        return getattr(self.replicas[0], name)


@pytest.fixture
def other(acme, sql_authority, url, prober):
    """The second replica, as the first has it in ``acme``."""
    second = stores.open_store(url)
    service = AcmeService(sql_authority, second, Master(b"m" * 32), prober)
    yield Acme(service, second, acme.clock, prober)
    second.close()


def test_a_client_that_meets_another_replica_each_time(acme, other):
    client = acme.stranger()
    client.http = Alternating([DirectHttp(each.service.server) for each in (acme, other)])
    assert client.register(acme.key()).status_code == 201
    leaf, issuing = acme.issue(client, "db1.test", "a.db.test")
    leaf.verify_directly_issued_by(issuing)


def test_a_nonce_is_good_once_among_all(acme, other):
    client = acme.client()
    elsewhere = AcmeClient(DirectHttp(other.service.server), client.url, client.key, client.kid)
    nonce = client.new_nonce()
    url, payload = client.directory["newOrder"], {"identifiers": [identifier("x.db.test")]}
    assert elsewhere.post(url, payload, nonce=nonce).status_code == 201
    assert kind_of(client.post(url, payload, nonce=nonce)) == "badNonce"


def test_one_of_them_validates(acme, other):
    client = acme.client()
    (url,) = client.order("db1.test").json()["authorizations"]
    client.post(client.challenge(client.post(url).json(), "http-01")["url"], {})
    taken = [validator.take(each.service.office) for each in (acme, other)]
    assert [len(each) for each in taken] == [1, 0]
    validator.finish(acme.service.office, taken[0][0], None)
    assert client.post(url).json()["status"] == "valid"


def at_once(*acts):
    """Do all of them at the same moment, each in a thread; return their answers."""
    barrier = threading.Barrier(len(acts))

    def run(act):
        barrier.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def twin(client, replica):
    """The same client at another replica."""
    return AcmeClient(DirectHttp(replica.service.server), client.url, client.key, client.kid)


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


def count(acme, table):
    with acme.store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()


def test_an_order_that_both_finalize_is_issued_once(acme, other):
    client = acme.client()
    elsewhere = twin(client, other)
    order = client.order("db1.test").json()
    acme.prove(client, order)
    answers = at_once(*(lambda c=c: c.finalize(order, "db1.test") for c in (client, elsewhere)))
    assert statuses(answers) == [200, 403]
    refused = next(each for each in answers if each.status_code == 403)
    assert kind_of(refused) == "orderNotReady"
    assert count(acme, acme_certificates) == 1
    with acme.store.read() as connection:
        rows = stored.find(connection, CertificateFilter(kind="host"))
    assert [row["state"] for row in rows] == ["issued"]


def test_a_key_for_one_account_makes_one(acme, other):
    eab = acme.key()
    strangers = [acme.stranger(), other.stranger(), acme.stranger(), other.stranger()]
    answers = at_once(*(lambda s=s: s.register(eab) for s in strangers))
    assert statuses(answers) == [201, 403, 403, 403]
    assert count(acme, acme_accounts) == 1


def test_a_client_that_registers_at_both_has_one_account(acme, other):
    eab = acme.key(uses=2)
    first = acme.stranger()
    answers = at_once(*(lambda c=c: c.register(eab) for c in (first, twin(first, other))))
    assert 201 in statuses(answers)
    assert set(statuses(answers)) <= {200, 201, 409}
    assert count(acme, acme_accounts) == 1
    first.kid = None
    assert first.register(eab).status_code == 200


def test_a_nonce_that_is_used_at_both_at_once_is_good_once(acme, other):
    client = acme.client()
    nonce = client.new_nonce()
    both = (client, twin(client, other))
    answers = at_once(*(lambda c=c: c.post(c.kid, nonce=nonce) for c in both))
    assert statuses(answers) == [200, 400]


def test_a_new_key_that_two_accounts_want_is_one_s(acme, other):
    one, two = acme.client(), other.client(acme.key("db2"))
    key = keys.generate()

    def roll(client):
        url = client.directory["keyChange"]
        header = {"alg": "ES256", "jwk": jwk_of(key), "url": url}
        payload = {"account": client.kid, "oldKey": jwk_of(client.key)}
        return client.post(url, flattened(key, header, payload))

    assert statuses(at_once(lambda: roll(one), lambda: roll(two))) == [200, 409]
    assert count(acme, acme_accounts) == 2


def test_what_both_take_and_resume_is_done_once(acme, other):
    client = acme.client()
    order = client.order("db1.test").json()
    (url,) = order["authorizations"]
    client.post(client.challenge(client.post(url).json(), "http-01")["url"], {})
    offices = [each.service.office for each in (acme, other)]
    taken = at_once(*(lambda o=o: validator.take(o) for o in offices))
    assert sorted(map(len, taken)) == [0, 1]
    validator.finish(acme.service.office, (taken[0] or taken[1])[0], None)
    order_id = order["finalize"].split("/")[-2]
    with acme.store.read() as connection:
        ready = orders.find(connection, order_id)
    asked = csr.read(request_der(keys.generate(), "db1.test"), ready.identifiers, "x")
    issuing.begin(acme.service.office, ready, asked)  # and the process dies
    acme.clock.move(minutes=2)
    done = at_once(*(lambda o=o: issuing.resume(o, acme.clock.now()) for o in offices))
    assert sorted(done) == [0, 1]
    assert count(acme, acme_certificates) == 1


def test_a_key_that_is_compromised_at_one_is_refused_at_the_other(acme, other):
    key = keys.generate()
    client = acme.client()
    leaf, _ = acme.issue(client, "db1.test", key=key)
    elsewhere = twin(client, other)
    waiting = elsewhere.order("db1.test").json()
    other.prove(elsewhere, waiting)
    assert acme.stranger(key=key).revoke(leaf, reason=1).status_code == 200
    assert kind_of(elsewhere.finalize(waiting, "db1.test", key=key)) == "badPublicKey"
