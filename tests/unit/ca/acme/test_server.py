import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import desk_orders
from pgward.ca.acme.problems import URN
from pgward.core.errors import ConflictError, UnavailableError
from tests.fixtures.acme_client import flattened, kind_of
from tests.fixtures.ca_service import URL
from tests.fixtures.fuzz import fuzz, fuzz_long

SIGNED = (
    *("new-account", "key-change", "new-order", "revoke-cert"),
    *(f"{place}/{'0' * 32}" for place in ("account", "order", "authz", "challenge")),
    *(f"account/{'0' * 32}/orders", f"order/{'0' * 32}/finalize", "certificate/abc"),
)


def test_an_order_from_the_directory_to_the_certificate(acme):
    leaf, issuing = acme.issue(acme.client(), "db1.test", "a.db.test")
    leaf.verify_directly_issued_by(issuing)


def test_the_directory_has_a_member_that_nobody_knows(acme):
    found = [acme.stranger().http.get(f"{URL}/acme/directory").json() for _ in range(2)]
    strange = [set(each) - {"meta", "newOrder"} for each in found]
    assert len(strange[0] ^ strange[1]) == 2


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_nonces_are_given_to_anyone(acme, method, status):
    answer = acme.stranger().http.send(method, f"{URL}/acme/new-nonce")
    assert (answer.status_code, answer.content) == (status, b"")
    assert len(answer.headers["replay-nonce"]) == 43
    assert answer.headers["link"] == f'<{URL}/acme/directory>;rel="index"'


def test_only_nonces_and_posts_come_with_a_nonce(acme):
    client = acme.client()
    assert client.nonce is not None
    assert "replay-nonce" not in client.http.get(f"{URL}/acme/directory").headers
    refused = client.order("other.test")
    assert (kind_of(refused), len(refused.headers["replay-nonce"])) == ("rejectedIdentifier", 43)


def test_a_client_whose_nonce_is_bad_tries_again_with_the_new_one(acme):
    client = acme.client()
    url, payload = (
        client.directory["newOrder"],
        {"identifiers": [{"type": "dns", "value": "db1.test"}]},
    )
    used = client.new_nonce()
    assert client.post(url, payload, nonce=used).status_code == 201
    refused = client.post(url, payload, nonce=used)
    assert (refused.status_code, kind_of(refused)) == (400, "badNonce")
    assert client.post(url, payload).status_code == 201


@pytest.mark.parametrize("path", SIGNED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_resources_are_posted_to(acme, path, method):
    answer = acme.stranger().http.send(method, f"{URL}/acme/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert kind_of(answer) == "malformed"


@pytest.mark.parametrize("path", ["directory", "new-nonce"])
def test_what_is_only_read_is_not_posted_to(acme, path):
    answer = acme.stranger().http.send("POST", f"{URL}/acme/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["", "/", "/new-authz", "/order/x", "/order/../order", "/certificate/XYZ", "//"]
)
def test_what_is_not_there(acme, path):
    for method in ("GET", "POST"):
        answer = acme.stranger().http.send(method, f"{URL}/acme{path}")
        assert (answer.status_code, kind_of(answer)) == (404, "malformed")


def test_a_store_that_is_away_is_told(acme, monkeypatch):
    client = acme.client()

    def away(*_arguments):
        raise UnavailableError("the store is away")

    monkeypatch.setattr(desk_orders, "_check_rate", away)
    answer = client.order("db1.test")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert kind_of(answer) == "serverInternal"
    assert acme.client(acme.key("db2")).kid


@pytest.mark.parametrize("error", [RuntimeError("inside"), ConflictError("outside")])
def test_our_own_mistakes_are_told_by_number(acme, monkeypatch, error, caplog):
    client = acme.client()

    def fail(*_arguments):
        raise error

    monkeypatch.setattr(desk_orders, "_check_rate", fail)
    answer = client.order("db1.test")
    assert (answer.status_code, kind_of(answer)) == (500, "serverInternal")
    assert "inside" not in answer.text
    number = answer.json()["detail"].rpartition("(")[2].rstrip(")")
    assert number in caplog.text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_PAYLOADS = st.dictionaries(
    st.sampled_from(
        [
            *("contact", "status", "externalAccountBinding", "identifiers", "replaces", "csr"),
            *("certificate", "reason", "account", "oldKey", "protected", "payload", "signature"),
        ]
    ),
    _JSON
    | st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(["dns", "ip"]), "value": st.text()}),
        max_size=3,
    ),
)


@pytest.fixture
def places(acme):
    """An account, and every address that means something to it."""
    client = acme.client()
    answer = client.order("db1.test")
    order = answer.json()
    challenge = client.challenge(client.authorizations(order)[0], "http-01")
    found = [
        *(client.kid, f"{client.kid}/orders", answer.headers["location"], order["finalize"]),
        *(order["authorizations"][0], challenge["url"]),
    ]
    return client, [*found, *(f"{URL}/acme/{path}" for path in SIGNED)]


def _an_account_speaks(places, data):
    client, urls = places
    url = data.draw(st.sampled_from(urls))
    payload = data.draw(_PAYLOADS | _JSON | st.binary(max_size=50))
    answer = client.post(url, payload)
    assert answer.status_code < 500, answer.text
    if not answer.is_success:
        assert answer.json()["type"].startswith(URN)


def _a_stranger_speaks(places, data):
    client, urls = places
    url = data.draw(st.sampled_from(urls))
    header = {"alg": "ES256", "nonce": "n", "url": url, "kid": client.kid}
    changes = data.draw(st.dictionaries(st.sampled_from([*header, "jwk", "crit"]), _JSON))
    signed = json.dumps(flattened(client.key, header | changes, {})).encode()
    garbage = st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode())
    answer = client.send(url, data.draw(st.just(signed) | garbage))
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["type"].startswith(URN)


_EITHER = pytest.mark.parametrize("speak", [_an_account_speaks, _a_stranger_speaks])


@_EITHER
@fuzz
@given(data=st.data())
def test_whatever_is_said_is_answered_and_never_with_500(places, speak, data):
    speak(places, data)


@pytest.mark.soak
@_EITHER
@fuzz_long
@given(data=st.data())
def test_whatever_is_said_for_long_is_answered_and_never_with_500(places, speak, data):
    speak(places, data)
