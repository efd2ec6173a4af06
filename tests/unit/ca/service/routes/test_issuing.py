from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509

from pgward.ca.identity import sessions
from pgward.ca.service.routes import issuing
from pgward.ca.store.schema import login_sessions, users
from pgward.ca.store.schema_login import devices
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import DeniedError
from pgward.pki import chain, csr, keys, proof
from tests.fixtures.authority import START
from tests.fixtures.ca_service import URL, request_pem

PATH = "/v1/certificates/login"


def issue(device, body=None):
    return device.call("POST", PATH, {"csr": request_pem()} if body is None else body)


def test_a_person_gets_a_certificate_with_its_chain_and_the_roots(alice, sql_authority):
    answer = issue(alice)
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    leaf = x509.load_pem_x509_certificate(found["certificate"].encode())
    assert leaf.subject.rfc4514_string() == "CN=alice"
    assert found["serial"] == f"{leaf.serial_number:x}"
    issuer = x509.load_pem_x509_certificate(found["chain"][0].encode())
    leaf.verify_directly_issued_by(issuer)
    trust = sql_authority.trust
    roots = [x509.load_pem_x509_certificate(text.encode()) for text in found["user_roots"]]
    assert roots == list(trust.user_roots)


def test_it_is_described_as_it_is(api):
    described = api.call("GET", "/v1/openapi.json").json()["paths"][PATH]["post"]
    assert [each["name"] for each in described["parameters"]] == ["Authorization", "DPoP"]
    taken = described["requestBody"]["content"]["application/json"]["schema"]
    assert (taken["required"], set(taken["properties"])) == (["csr"], {"csr", "lifetime_seconds"})
    given = described["responses"]["200"]["content"]["application/json"]["schema"]
    assert given == {"$ref": "#/components/schemas/CertificateReply"}


def life(answer):
    found = answer.json()
    begin, end = (parse_rfc3339(found[name]) for name in ("not_before", "not_after"))
    return (end - begin).total_seconds()


def put_profile(admin, **spec):
    body = {
        "kind": "CertificateProfile",
        "metadata": {"name": "contractors"},
        "spec": {"appliesTo": {"groups": ["dba"]}, **spec},
    }
    answer = admin.call("PUT", "/v1/resources/certificateprofiles/contractors", body)
    assert answer.status_code == 200, answer.text


def test_a_shorter_life_can_be_asked_for_and_a_longer_one_not(alice):
    asked = {"csr": request_pem(), "lifetime_seconds": 600}
    assert life(issue(alice, asked)) == 660
    denied = issue(alice, asked | {"lifetime_seconds": 3601})
    assert (denied.status_code, denied.json()["error"]["hint"]) == (403, "at most 1:00:00")


def test_a_profile_holds_from_the_next_renewal_on_and_goes_the_same_way(alice, admin):
    assert life(issue(alice)) == 3660
    put_profile(admin, lifetime="5m", backdate="0s", altNames=["email:{user}@example.com"])
    answer = issue(alice)
    leaf = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == x509.SubjectAlternativeName([x509.RFC822Name("alice@example.com")])
    assert life(answer) == 300
    put_profile(admin, keyAlgorithms=["P-384"])
    denied = issue(alice)
    assert (denied.status_code, denied.json()["error"]["message"]) == (
        403,
        "this kind of key is not allowed by certificate profile contractors",
    )
    admin.call("DELETE", "/v1/resources/certificateprofiles/contractors")
    assert life(issue(alice)) == 3660


def test_a_request_for_a_certificate_that_cannot_be_read_is_refused_and_recorded(api, alice):
    answer = issue(alice, {"csr": "nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    event = api.events()[-1]
    assert (event["actor"], event["action"], event["outcome"]) == (
        "alice",
        "certificate.issue",
        "failed",
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "csr"),
        ({"csr": 1}, "csr"),
        ({"csr": "x" * 20_000}, "csr"),
        ({"csr": "x", "cn": "root"}, "cn"),
        ([], "body"),
    ],
)
def test_the_wrong_field_is_told(alice, body, path):
    answer = issue(alice, body)
    found = answer.json()["error"]["fields"]
    assert (answer.status_code, [each["path"] for each in found]) == (422, [path])


def proved(device):
    made = proof.make(device.key, "POST", URL + PATH, now=START, token=device.token)
    return {"DPoP": made, "Authorization": f"DPoP {device.token}"}


def test_what_is_not_json_is_told(api, alice):
    answer = api.client.post(PATH, content=b"{", headers=proved(alice))
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "the body is not JSON")


def test_a_stranger_is_told_nothing_of_the_body(api):
    assert api.client.post(PATH, content=b"{").status_code == 401


def test_a_proof_serves_once(api, alice):
    headers, body = proved(alice), {"csr": request_pem()}
    answers = [api.call("POST", PATH, body, **headers).status_code for _ in range(2)]
    assert answers == [200, 403]


def test_another_devices_token_gets_nothing_also_when_the_session_is_known(api, alice):
    assert issue(alice).status_code == 200
    thief = api.device("root")
    thief.token = alice.token
    answer = issue(thief)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "denied")
    assert api.events()[-1]["action"] == "session.stolen"


@pytest.mark.parametrize("how", ["ended", "blocked", "removed"])
def test_a_session_that_ended_elsewhere_gets_nothing_though_it_is_known(store, alice, how):
    """As when another replica ended it: this process remembers it as alive."""
    assert issue(alice).status_code == 200
    with store.write() as transaction:
        if how == "ended":
            transaction.execute(sa.update(login_sessions).values(ended_at=START))
        elif how == "blocked":
            transaction.execute(sa.update(users).values(blocked_at=START))
        else:
            transaction.execute(sa.delete(users).where(users.c.name == "alice"))
    for _ in range(2):  # by the store first, and then because it was forgotten
        answer = issue(alice)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_needed")


def test_an_expired_session_gets_nothing_though_it_is_known(alice, clock):
    assert issue(alice).status_code == 200
    clock.move(hours=12)
    answer = issue(alice)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_needed")


def test_only_post_is_served(alice):
    assert alice.call("PUT", PATH).status_code == 405


def test_a_key_that_was_compromised_is_refused_to_everyone(api, admin, alice):
    key = keys.generate()
    stolen = {"csr": csr.make(key).decode()}
    serial = issue(alice, stolen).json()["serial"]
    again = issue(alice, stolen)
    assert again.status_code == 200  # the same key may be certified again until it is known
    admin.call("POST", f"/v1/certificates/{serial}/revoke", {"reason": "keyCompromise"})
    for person in (alice, admin):
        refused = issue(person, stolen)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "denied")
        assert refused.json()["error"]["message"] == "the key was revoked as compromised"
        assert issue(person).status_code == 200
    denied = [e for e in api.events() if e["outcome"] == "denied"]
    assert [(e["actor"], e["action"]) for e in denied] == [
        ("alice", "certificate.issue"),
        ("root", "certificate.issue"),
    ]


def rule(admin, **spec):
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "r1"},
        "spec": {"appliesTo": {"groups": ["dba"]}, **spec},
    }
    answer = admin.call("PUT", "/v1/resources/LoginRule/r1", body)
    assert answer.status_code == 200, answer.text


def refusal(device):
    answer = device.call("POST", "/v1/certificates/login", {"csr": request_pem()})
    return answer.status_code, answer.json()["error"]["message"]


def test_a_login_rule_holds_from_the_next_renewal_on(alice, admin, clock):
    alice.certificate()
    rule(admin, sessionHours=2)
    clock.move(hours=1, minutes=30)
    found = x509.load_pem_x509_certificate(alice.certificate()["certificate"].encode())
    assert found.not_valid_after_utc == clock.now() + timedelta(minutes=30)
    clock.move(minutes=30)
    assert refusal(alice) == (
        401,
        "your login session is older than the login rules allow now",
    )


def test_a_method_that_is_not_allowed_any_more_gets_nothing(alice, admin):
    alice.certificate()
    rule(admin, methods=["passkey"])
    status, message = refusal(alice)
    assert (status, message[:37]) == (401, "you logged in with the method passwor")


def test_a_device_that_does_not_fit_gets_nothing_until_it_does(api, alice, admin):
    rule(admin, posture={"firewall": "required"})
    assert refusal(alice) == (
        403,
        "this device may not be used now: whether a firewall is on is not known",
    )
    event = api.events()[-1]
    assert (event["action"], event["outcome"]) == ("certificate.issue", "denied")
    with api.store.write() as transaction:
        transaction.execute(
            sa.update(devices).values(posture={"os": "linux", "firewall": {"value": True}})
        )
    alice.certificate()


def for_web(api, store, device):
    """Ask as a page does, in the login session of a device."""
    context = api.client.app.state.context
    with store.read() as connection:
        session = sessions.find(connection, device.token, context.now())
    with api.client.begin() as loop:
        return loop.call(issuing.for_web, context, session, request_pem()).certificate


def test_the_web_client_gets_one_by_the_same_rules_and_record(api, store, alice, admin):
    certificate = for_web(api, store, alice)
    assert certificate.subject.rfc4514_string() == "CN=alice"
    assert chain.is_web(certificate)
    assert certificate.not_valid_after_utc == START + timedelta(minutes=15)
    put_profile(admin, keyAlgorithms=["P-384"])
    with pytest.raises(DeniedError, match="kind of key"):
        for_web(api, store, alice)
    (refused,) = [each for each in api.events() if each["outcome"] == "denied"]
    assert (refused["actor"], refused["action"]) == ("alice", "certificate.issue")
