import json
from dataclasses import dataclass

import pytest

from pgward.ca.acme.authentication import Authenticator
from pgward.ca.acme.exchange import Request
from pgward.ca.acme.master import Master
from pgward.ca.acme.problems import AcmeError
from pgward.ca.limiting import limits
from pgward.ca.limiting.buckets import Buckets
from pgward.pki import keys
from tests.fixtures.acme_client import flattened, jwk_of, kind_of

ORIGIN = "https://ca:8443"
PATH = "/acme/new-account"


@dataclass
class Stranger:
    """Signs requests with a bare key."""

    authenticator: Authenticator

    def __post_init__(self) -> None:
        self.key = keys.generate()

    def verify(self, payload=None, *, content_type="application/jose+json", **changes):
        header = {
            "alg": "ES256",
            "nonce": self.authenticator.new_nonce(),
            "url": ORIGIN + PATH,
            "jwk": jwk_of(self.key),
        }
        body = json.dumps(flattened(self.key, header | changes, payload)).encode()
        return self.authenticator.verify(Request("POST", ORIGIN, PATH, "", content_type, body))


@pytest.fixture
def stranger(store, clock):
    return Stranger(Authenticator(store, clock, Master(b"m" * 32), monotonic=lambda: 0.0))


def test_a_bare_key_proves_itself_and_has_no_account(stranger):
    found = stranger.verify({"a": 1}, content_type="Application/JOSE+json; charset=utf-8")
    assert (found.key.members, found.account, found.payload()) == (
        jwk_of(stranger.key),
        None,
        {"a": 1},
    )
    with pytest.raises(AcmeError, match="needs kid"):
        _ = found.owner
    with pytest.raises(AcmeError, match="POST-as-GET"):
        found.require_empty()


@pytest.mark.parametrize(
    ("changes", "kind", "what"),
    [
        ({"content_type": "application/json"}, "malformed", "content type"),
        ({"content_type": ""}, "malformed", "content type"),
        ({"url": f"{ORIGIN}/acme/new-order"}, "unauthorized", "another url"),
        ({"url": f"{ORIGIN}{PATH}?x"}, "unauthorized", "another url"),
        ({"url": f"http://ca:8443{PATH}"}, "unauthorized", "another url"),
        ({"nonce": "x"}, "badNonce", "not ours"),
        ({"alg": "RS256"}, "badSignatureAlgorithm", "of this key is ES256"),
        ({"jwk": jwk_of(keys.generate())}, "malformed", "does not match"),
    ],
)
def test_other_requests_are_refused(stranger, changes, kind, what):
    with pytest.raises(AcmeError, match=what) as caught:
        stranger.verify(**changes)
    assert caught.value.kind == kind


def test_a_nonce_works_once(stranger):
    nonce = stranger.authenticator.new_nonce()
    stranger.verify(nonce=nonce)
    with pytest.raises(AcmeError) as caught:
        stranger.verify(nonce=nonce)
    assert caught.value.kind == "badNonce"


def test_a_wrong_signature_uses_no_nonce_up(stranger):
    nonce = stranger.authenticator.new_nonce()
    with pytest.raises(AcmeError):
        stranger.verify(nonce=nonce, jwk=jwk_of(keys.generate()))
    stranger.verify(nonce=nonce)


def test_strangers_are_slowed_down(stranger):
    for _ in range(10):
        stranger.verify()
    with pytest.raises(AcmeError, match="too many failed attempts") as caught:
        stranger.verify()
    assert (caught.value.kind, caught.value.headers) == ("rateLimited", {"Retry-After": "10"})
    stranger.authenticator.welcome()
    stranger.verify()


@pytest.mark.parametrize(
    ("kid", "kind"),
    [
        ("https://localhost:8443/acme/account/" + "0" * 32, "accountDoesNotExist"),
        ("https://localhost:8443/acme/account/1", "malformed"),
        ("https://localhost:8443/acme/account/" + "0" * 32 + "?x", "malformed"),
        ("http://localhost:8443/acme/account/" + "0" * 32, "malformed"),
        ("https://[/acme/account/" + "0" * 32, "malformed"),
        ("1", "malformed"),
    ],
)
def test_an_account_is_named_by_its_address(acme, kid, kind):
    client = acme.client()
    client.kid = kid
    assert kind_of(client.order("db1.test")) == kind


def test_an_account_signs_with_its_own_key(acme):
    client = acme.client()
    client.key = keys.generate()
    answer = client.order("db1.test")
    assert (kind_of(answer), answer.json()["detail"]) == (
        "malformed",
        "the signature does not match",
    )


def test_an_account_asks_only_so_often(acme):
    """Each of its requests writes, if only its nonce."""
    one, two = acme.client(), acme.client(acme.key("db2"))
    server = acme.service.server
    server._authenticator._accounts = Buckets(limits.per_second(1))
    server._authenticator._monotonic = lambda: 0.0
    answers = [one.post(one.kid) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert (kind_of(answers[-1]), answers[-1].headers["retry-after"]) == ("rateLimited", "1")
    assert two.post(two.kid).status_code == 200
