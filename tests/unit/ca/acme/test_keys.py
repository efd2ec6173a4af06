"""A key that was revoked as compromised opens no account and is certified no more."""

import pytest

from pgward.ca.acme import keys as refused
from pgward.ca.acme.problems import AcmeError
from pgward.pki import keys
from tests.fixtures.acme_client import flattened, jwk_of, kind_of


@pytest.fixture
def key():
    return keys.generate()


@pytest.fixture(autouse=True)
def client(acme, key):
    """An account whose certificate's key was stolen."""
    made = acme.client(acme.key(uses=9))
    leaf, _ = acme.issue(made, "db1.test", key=key)
    assert acme.stranger(key=key).revoke(leaf, reason=1).status_code == 200
    return made


def test_it_is_certified_no_more_and_the_order_waits_for_another_one(acme, client, key):
    order = client.order("a.db.test").json()
    acme.prove(client, order)
    answer = client.finalize(order, "a.db.test", key=key)
    assert (answer.status_code, kind_of(answer)) == (400, "badPublicKey")
    assert answer.json()["detail"] == "the key was revoked as compromised: make a new key"
    done = client.finalize(order, "a.db.test")
    assert done.json()["status"] == "valid"


def test_another_account_does_not_get_it_certified_either(acme, key):
    other = acme.client(acme.key("db2"))
    order = other.order("db1.test").json()
    acme.prove(other, order)
    assert kind_of(other.finalize(order, "db1.test", key=key)) == "badPublicKey"


def test_it_opens_no_account(acme, client, key):
    stranger = acme.stranger(key=key)
    assert kind_of(stranger.register(acme.key("db2"))) == "badPublicKey"
    url = client.directory["keyChange"]
    header = {"alg": "ES256", "jwk": jwk_of(key), "url": url}
    inner = flattened(key, header, {"account": client.kid, "oldKey": jwk_of(client.key)})
    assert kind_of(client.post(url, inner)) == "badPublicKey"
    assert client.post(client.kid).status_code == 200


def test_others_pass(acme, client, key):
    refused.check(acme.service.office, keys.spki_sha256(client.key.public_key()))
    with pytest.raises(AcmeError):
        refused.check(acme.service.office, keys.spki_sha256(key.public_key()))
