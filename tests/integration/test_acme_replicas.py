"""The ACME server of two replicas that share a PostgreSQL."""

import uuid
from dataclasses import dataclass

import pytest

from pgward.ca import store as stores
from pgward.ca.acme import validator
from pgward.ca.acme.master import Master
from pgward.ca.acme.service import AcmeService
from tests.fixtures.acme import Acme, DirectHttp
from tests.fixtures.acme_client import AcmeClient, identifier, kind_of

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
