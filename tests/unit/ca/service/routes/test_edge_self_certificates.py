import pytest
from cryptography import x509

from pgward.pki import chain, pem
from tests.fixtures.ca_service import request_pem
from tests.fixtures.edge_services import SELF, aware, declare


@pytest.fixture
def minted(admin, alice):
    declare(admin, aware(secret=None))
    return alice


def ask(edge, **changed):
    body = {"service": "orders", "user": "alice", "role": "app", "csr": request_pem()}
    return edge.call("POST", f"{SELF}/certificates", body | changed)


def test_one_is_in_the_persons_name_and_short(api, edge, minted):
    answer = ask(edge, serial=minted.certificate()["serial"])
    made = answer.json()
    (leaf,) = pem.split(made["certificate"].encode())
    assert leaf.subject.rfc4514_string() == "CN=alice"
    assert made["not_after"] == "2026-11-21T12:05:00Z"
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [chain.CLIENT_AUTH, chain.MINTED]
    events = [each for each in api.events() if each["action"].startswith("certificate.")]
    issued, told = events[-2:]
    assert (issued["actor"], issued["details"]["kind"]) == ("system:ca", "minted")
    assert (told["actor"], told["action"], told["target"]) == (
        "edge:e1",
        "certificate.mint",
        made["serial"],
    )
    session = issued["details"]["session"]
    assert told["details"] == {
        "service": "orders",
        "user": "alice",
        "role": "app",
        "session": session,
    }


def test_everyone_sees_what_was_minted_in_their_name(edge, minted):
    serial = ask(edge).json()["serial"]
    own = minted.call("GET", "/v1/me/certificates").json()["certificates"]
    assert [(each["serial"], each["kind"]) for each in own] == [(serial, "minted")]
    assert minted.call("GET", f"/v1/certificates/{serial}").status_code == 200
    assert len(minted.call("GET", "/v1/log/entries").json()["entries"]) == 1


def test_who_logs_out_or_is_blocked_has_none_left(edge, minted):
    serial = ask(edge).json()["serial"]

    def over():
        answer = edge.call("POST", "/v1/edge/standings", {"serials": [serial]})
        return [each["over"] for each in answer.json()["certificates"]]

    assert over() == [None]
    minted.call("POST", "/v1/logout")
    assert over() == ["the certificate is revoked"]
    assert ask(edge).status_code == 403


@pytest.mark.usefixtures("minted")
def test_a_certificate_lives_as_the_service_and_the_edge_say_at_most(admin, edge):
    assert ask(edge, seconds=60).json()["not_after"] == "2026-11-21T12:01:00Z"
    assert ask(edge, seconds=900).json()["not_after"] == "2026-11-21T12:05:00Z"
    declare(admin, aware(secret=None, auth={"certificate": {"minutes": 15}}))
    assert ask(edge, seconds=900).json()["not_after"] == "2026-11-21T12:15:00Z"
    assert ask(edge, seconds=901).status_code == 422


@pytest.mark.usefixtures("minted")
def test_it_never_outlives_the_login_session(api, edge):
    api.clock.move(hours=11, minutes=58)
    assert ask(edge).json()["not_after"] == "2026-11-22T00:00:00Z"


@pytest.mark.usefixtures("minted")
def test_what_an_edge_may_not_do_is_refused_and_on_record(api, admin, edge):
    declare(admin, aware("other", secret=None), edges=["e2"])
    api.add("bob", "dba")  # who is not logged in
    for changed in ({"service": "other"}, {"service": "none"}, {"user": "bob"}):
        answer = ask(edge, **changed)
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            403,
            "no certificate is minted",
        )
    denied = [each for each in api.events() if each["action"] == "certificate.mint"]
    assert [(each["target"], each["reason"]) for each in denied] == [
        ("alice", "this edge serves no such service"),
        ("alice", "this edge serves no such service"),
        ("bob", "the person is not logged in"),
    ]


@pytest.mark.usefixtures("minted")
def test_certificate_profiles_hold_for_it_too(admin, edge):
    spec = {"appliesTo": {"users": ["alice"]}, "keyAlgorithms": ["Ed25519"]}
    wanted = {"kind": "CertificateProfile", "metadata": {"name": "ed"}, "spec": spec}
    path = "/v1/resources/CertificateProfile/ed"
    assert admin.call("PUT", path, wanted).status_code == 200
    answer = ask(edge)
    assert answer.status_code == 403
    assert "certificate profile ed" in answer.json()["error"]["message"]
