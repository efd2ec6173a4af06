from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pgward.ca.acme import orders
from pgward.ca.acme.settings import AcmeSettings
from pgward.pki import keys
from tests.fixtures.acme_client import AcmeClient, binding, flattened, jwk_of, kind_of

ABSENT = "0" * 32


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RS256", "ES384", "EdDSA"],
)
def test_an_account_may_have_a_key_of_any_kind(acme, key):
    client = acme.client(key=key)
    assert client.order("db1.test").status_code == 201


def test_an_account_is_made_and_found_again(acme):
    client = acme.stranger()
    eab = acme.key()
    answer = client.register(eab, contact=["mailto:dba@example.com"])
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "status": "valid",
            "contact": ["mailto:dba@example.com"],
            "orders": f"{client.kid}/orders",
        },
    )
    assert answer.headers["link"] == '<https://localhost:8443/acme/directory>;rel="index"'
    again = acme.stranger(key=client.key)
    for payload in ({}, {"onlyReturnExisting": True}):
        found = again.post(again.directory["newAccount"], payload)
        assert (found.status_code, found.headers["location"]) == (200, client.kid)
    assert client.post(client.kid).json() == answer.json()


def test_only_existing_accounts_on_request(acme):
    assert kind_of(acme.stranger().register(onlyReturnExisting=True)) == "accountDoesNotExist"


def test_an_account_needs_a_key_of_an_administrator(acme):
    answer = acme.stranger().register()
    assert (answer.status_code, kind_of(answer)) == (403, "externalAccountRequired")


def _changed(eab, **changes):
    return eab | changes


@pytest.mark.parametrize(
    "changes", [{"hmac_key": "AAAA"}, {"kid": ABSENT}, {"kid": ""}], ids=["mac", "kid", "empty"]
)
def test_a_wrong_key_tells_nothing(acme, changes):
    answer = acme.stranger().register(_changed(acme.key(), **changes))
    assert kind_of(answer) == "unauthorized"
    assert "unknown, or its HMAC key is another one" in answer.json()["detail"]


def test_a_key_makes_one_account(acme):
    eab = acme.key()
    acme.client(eab)
    answer = acme.stranger().register(eab)
    assert (kind_of(answer), answer.json()["detail"]) == (
        "unauthorized",
        "the external account key is used up: ask for another one",
    )


def test_a_binding_for_another_account_is_refused(acme):
    client, eab = acme.stranger(), acme.key()
    url = client.directory["newAccount"]
    stolen = binding(eab["kid"], eab["hmac_key"], keys.generate(), url)
    answer = client.post(url, {"externalAccountBinding": stolen})
    assert kind_of(answer) == "malformed"


def _settings(acme, **changes):
    authority = acme.service.office.authority
    authority.settings = replace(authority.settings, acme=AcmeSettings(**changes))


def test_keys_may_be_optional_and_the_settings_say_for_what(acme):
    _settings(acme, external_account_required=False, dns=("open.test",))
    client = acme.stranger()
    assert client.register().status_code == 201
    assert client.order("open.test").status_code == 201
    assert kind_of(client.order("db1.test")) == "rejectedIdentifier"
    assert client.directory["meta"] == {"externalAccountRequired": False}


def test_terms_must_be_agreed_to(acme):
    _settings(acme, terms="https://x/terms")
    client, eab = acme.stranger(), acme.key()
    assert client.directory["meta"]["termsOfService"] == "https://x/terms"
    assert kind_of(client.register(eab)) == "malformed"
    assert client.register(eab, termsOfServiceAgreed=True).status_code == 201


def test_contacts_change_and_the_rest_does_not(acme):
    client = acme.client()
    answer = client.post(
        client.kid, {"contact": ["mailto:a@b.c"], "orders": "x", "status": "valid"}
    )
    assert answer.json()["contact"] == ["mailto:a@b.c"]
    assert kind_of(client.post(client.kid, {"contact": ["x"]})) == "unsupportedContact"


def test_a_deactivated_account_is_over(acme):
    client = acme.client()
    assert client.post(client.kid, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert kind_of(client.order("db1.test")) == "unauthorized"
    again = acme.stranger(key=client.key)
    assert kind_of(again.post(again.directory["newAccount"], {})) == "unauthorized"


def test_an_account_sees_only_itself(acme):
    one, other = acme.client(), acme.client(acme.key("db2"))
    for url in (one.kid, f"{one.kid}/orders", one.kid[:-32] + ABSENT):
        assert (other.post(url).status_code, kind_of(other.post(url))) == (404, "malformed")


def test_orders_are_listed_by_pages(acme, monkeypatch):
    monkeypatch.setattr(orders, "_PAGE", 2)
    client = acme.client()
    made = sorted(client.order("db1.test").headers["location"] for _ in range(3))
    first = client.post(client.post(client.kid).json()["orders"])
    index, following = first.headers.get_list("link")
    if "next" in index:
        index, following = following, index
    assert first.json() == {"orders": made[:2]}
    second = client.post(following.partition(">")[0].removeprefix("<"))
    assert second.json() == {"orders": made[2:]}
    assert "next" not in second.headers["link"]


def _key_change(client: AcmeClient, new, old=None, account=None, **header):
    url = client.directory["keyChange"]
    inner = {"alg": "ES256", "jwk": jwk_of(new), "url": url} | header
    inner = {name: value for name, value in inner.items() if value is not None}
    payload = {"account": account or client.kid, "oldKey": jwk_of(old or client.key)}
    return client.post(url, flattened(new, inner, payload))


def test_an_account_gets_another_key(acme):
    client, new = acme.client(), keys.generate()
    answer = _key_change(client, new)
    assert (answer.status_code, answer.headers["location"]) == (200, client.kid)
    assert kind_of(client.order("db1.test")) == "malformed"
    client.key = new
    assert client.order("db1.test").status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"old": keys.generate()},
        {"account": "https://localhost:8443/acme/account/" + ABSENT},
        {"nonce": "x"},
        {"url": "https://localhost:8443/acme/new-order"},
        {"kid": "x", "jwk": None},
        {"alg": "HS256"},
    ],
)
def test_other_changes_of_keys_are_refused(acme, changes):
    client = acme.client()
    answer = _key_change(client, keys.generate(), **changes)
    assert kind_of(answer) in ("malformed", "badSignatureAlgorithm")
    assert client.order("db1.test").status_code == 201


def test_two_accounts_cannot_have_one_key(acme):
    client, other = acme.client(), acme.client(acme.key("db2"))
    answer = _key_change(client, other.key)
    assert (answer.status_code, answer.headers["location"]) == (409, other.kid)


def test_what_accounts_do_is_recorded(acme):
    eab = acme.key("db1")
    client = acme.client(eab)
    acme.stranger().register(eab)
    _key_change(client, new := keys.generate())
    client.key = new
    client.post(client.kid, {"status": "deactivated"})
    found = [
        (e["actor"], e["action"], e["outcome"])
        for e in acme.events()
        if e["action"].startswith("acme.")
    ]
    assert found == [
        ("acme:db1", "acme.account.create", "ok"),
        ("unknown", "acme.account.create", "failed"),
        ("acme:db1", "acme.account.key", "ok"),
        ("acme:db1", "acme.account.deactivate", "ok"),
    ]
