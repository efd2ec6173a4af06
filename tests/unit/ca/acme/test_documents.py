from datetime import timedelta

from pgward.ca.acme import documents, identifiers, states
from pgward.ca.acme.documents import Links
from pgward.ca.acme.orders import Authorization, Challenge
from tests.fixtures.authority import START

LINKS = Links("https://ca:8443")


def test_the_directory_names_every_resource():
    found = documents.directory(LINKS, external_account_required=True, terms="https://x/terms")
    assert found == {
        "newNonce": "https://ca:8443/acme/new-nonce",
        "newAccount": "https://ca:8443/acme/new-account",
        "newOrder": "https://ca:8443/acme/new-order",
        "revokeCert": "https://ca:8443/acme/revoke-cert",
        "keyChange": "https://ca:8443/acme/key-change",
        "renewalInfo": "https://ca:8443/acme/renewal-info",
        "meta": {"externalAccountRequired": True, "termsOfService": "https://x/terms"},
    }
    without = documents.directory(LINKS, external_account_required=False, terms="")
    assert without["meta"] == {"externalAccountRequired": False}


def test_a_wildcard_stands_without_its_star():
    wildcard = identifiers.dns("*.db.test")
    found = Authorization("1", "2", "3", wildcard, states.Authorization.VALID, START)
    assert documents.authorization(LINKS, found, []) == {
        "status": "valid",
        "expires": "2026-11-21T12:00:00Z",
        "identifier": {"type": "dns", "value": "db.test"},
        "wildcard": True,
        "challenges": [],
    }


def test_a_challenge_tells_when_it_was_validated_or_what_was_wrong():
    state = states.Challenge
    valid = Challenge("1", "2", "3", "http-01", "t", state.VALID, None, 1, START)
    assert documents.challenge(LINKS, valid) == {
        "type": "http-01",
        "url": "https://ca:8443/acme/challenge/1",
        "status": "valid",
        "token": "t",
        "validated": "2026-11-21T12:00:00Z",
    }
    problem = {"type": "x"}
    wrong = Challenge("1", "2", "3", "http-01", "t", state.INVALID, problem, 1, START)
    found = documents.challenge(LINKS, wrong)
    assert (found["error"], "validated" in found) == (problem, False)


def test_lists_and_windows():
    assert documents.orders(LINKS, ["1"]) == {"orders": ["https://ca:8443/acme/order/1"]}
    assert documents.renewal(START, START + timedelta(hours=1)) == {
        "suggestedWindow": {"start": "2026-11-21T12:00:00Z", "end": "2026-11-21T13:00:00Z"}
    }
    assert LINKS.index() == '<https://ca:8443/acme/directory>;rel="index"'
