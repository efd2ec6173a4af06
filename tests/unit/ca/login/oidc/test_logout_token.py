from typing import Any

import pytest

from pgward.ca.login.oidc import logout_token
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.logout_token import EVENT, Logout
from pgward.ca.login.oidc.signed import Header
from tests.fixtures.authority import START
from tests.fixtures.lying_provider import CLIENT, ISSUER

NOW = int(START.timestamp())
HONEST = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "j",
    "sub": "s",
    "sid": "x",
    "events": {EVENT: {}},
}


def read(typ: str | None = "logout+jwt", **claims: Any) -> Logout:
    told = {name: value for name, value in (HONEST | claims).items() if value is not None}
    header = Header("ES256", None, typ)
    return logout_token.read(told, header, issuer=ISSUER, client_id=CLIENT, now=START)


def test_it_names_the_login_that_ended() -> None:
    found = read()
    assert (found.subject, found.sid, len(found.id)) == ("s", "x", 64)
    assert read(sid=None) == Logout(found.id, "s", None)
    assert read(sub=None) == Logout(found.id, None, "x")
    assert read("jwt", exp=None) == found
    assert read(jti="k").id != found.id


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"typ": "at+jwt"}, "a token of another type"),
        ({"iss": "https://evil.test"}, "another issuer's"),
        ({"aud": "other"}, "for another client"),
        ({"exp": NOW - 60}, "expired"),
        ({"iat": None}, "does not say when"),
        ({"iat": NOW + 61}, "valid only in"),
        ({"iat": NOW - 301}, "is too old"),
        ({"events": None}, "does not tell of a logout"),
        ({"events": {}}, "does not tell of a logout"),
        ({"events": [EVENT]}, "does not tell of a logout"),
        ({"events": {EVENT: True}}, "does not tell of a logout"),
        ({"nonce": "n"}, "is an ID token"),
        ({"sub": None, "sid": None}, "whose login ended"),
        ({"sid": 7}, "whose login ended"),
        ({"sub": ""}, "who it is about"),
        ({"jti": None}, "no id of its own"),
        ({"jti": "x" * 1000}, "no id of its own"),
    ],
)
def test_a_lie_is_named(claims, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        read(**claims)
