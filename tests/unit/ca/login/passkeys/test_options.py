import json

from pgward.ca.login.passkeys import options
from pgward.ca.login.passkeys.site import Site
from pgward.ca.login.passkeys.visits import Errand, Visit
from tests.fixtures.authority import START

SITE = Site("localhost", "https://localhost:8443", "Acme")
VISIT = Visit.new(Errand.LOGIN, id="1", expires_at=START)


def test_any_passkey_of_the_site_may_log_in_if_it_verifies_the_person():
    assert options.to_get(SITE, VISIT) == {
        "challenge": VISIT.challenge,
        "rpId": "localhost",
        "timeout": 300_000,
        "userVerification": "required",
        "allowCredentials": [],
    }


def test_a_new_passkey_is_asked_for_without_attestation(logins):
    made = options.to_create(SITE, VISIT, logins.user())
    assert json.loads(json.dumps(made)) == made
    assert made["rp"] == {"id": "localhost", "name": "Acme"}
    assert (made["user"]["name"], made["user"]["displayName"]) == ("alice", "alice")
    assert [each["alg"] for each in made["pubKeyCredParams"]] == [-7, -8, -257]
    assert (made["attestation"], made["excludeCredentials"]) == ("none", [])
    assert made["authenticatorSelection"]["residentKey"] == "preferred"
