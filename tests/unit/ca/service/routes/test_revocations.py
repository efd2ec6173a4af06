import pytest
from cryptography import x509

from pgward.ca.records import CaName, CertificateRecord, Kind
from pgward.ca.store.certificates import SqlCertificates
from tests.fixtures.authority import START


def revoke(admin, serial, **body):
    return admin.call("POST", f"/v1/certificates/{serial}/revoke", body)


def revoke_all(admin, kind, name, **body):
    return admin.call("POST", "/v1/certificates/revoke", {"kind": kind, "name": name, **body})


def revoked(api, ca="user-issuing"):
    found = x509.load_der_x509_crl(api.call("GET", f"/v1/crls/{ca}.crl").content)
    return {f"{entry.serial_number:x}" for entry in found}


def event(api):
    return next(e for e in reversed(api.events()) if e["action"] == "certificate.revoke")


def test_it_says_what_was_revoked(api, admin, alice):
    serial = alice.certificate()["serial"]
    answer = revoke(admin, serial, reason="keycompromise", comment="the laptop was lost").json()
    assert answer == {
        "revoked": 1,
        "sessions_ended": 0,
        "certificates": [
            {
                "serial": serial,
                "ca": "user-issuing",
                "kind": "person",
                "subject": "alice",
                "not_after": "2026-11-21T13:00:00Z",
                "revoked_at": "2026-11-21T12:00:00Z",
                "reason": "keyCompromise",
            }
        ],
    }
    assert revoked(api) == {serial}
    details = {"reason": "keyCompromise", "comment": "the laptop was lost", "owner": "alice"}
    assert event(api)["details"] == details


def test_twice_is_fine_and_keeps_the_first_reason(api, admin, alice):
    serial = alice.certificate()["serial"]
    revoke(admin, serial, reason="superseded")
    api.clock.move(minutes=5)
    events = len(api.events())
    again = revoke(admin, serial, reason="cessationOfOperation").json()
    assert again["revoked"] == 0
    (found,) = again["certificates"]
    assert (found["reason"], found["revoked_at"]) == ("superseded", "2026-11-21T12:00:00Z")
    assert len(api.events()) == events


def test_that_the_key_is_compromised_replaces_another_reason(api, admin, alice):
    serial = alice.certificate()["serial"]
    revoke(admin, serial, reason="superseded")
    api.clock.move(minutes=5)
    (found,) = revoke(admin, serial, reason="keyCompromise").json()["certificates"]
    assert (found["reason"], found["revoked_at"]) == ("keyCompromise", "2026-11-21T12:00:00Z")
    assert event(api)["details"]["reason"] == "keyCompromise"
    (entry,) = x509.load_der_x509_crl(api.call("GET", "/v1/crls/user-issuing.crl").content)
    assert entry.extensions[0].value.reason is x509.ReasonFlags.key_compromise


@pytest.mark.parametrize("write", [str.upper, lambda s: f"00{s}", lambda s: f"0x{s}"])
def test_a_serial_number_in_any_form(admin, alice, write):
    serial = alice.certificate()["serial"]
    assert revoke(admin, write(serial)).json()["revoked"] == 1


def test_a_serial_number_with_colons(admin, alice):
    digits = f"{alice.certificate()['serial']:0>40}"
    colons = ":".join(digits[at : at + 2] for at in range(0, 40, 2))
    assert revoke(admin, colons).json()["revoked"] == 1


@pytest.mark.parametrize(
    ("serial", "status", "message"),
    [
        ("12", 404, "there is no certificate '12'"),
        ("xyz", 422, "'xyz' is no serial number"),
    ],
)
def test_serial_numbers_that_are_none(admin, serial, status, message):
    answer = revoke(admin, serial)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
    assert answer.json()["error"]["hint"]


@pytest.mark.parametrize("reason", ["keyComprimise", "certificateHold", "cACompromise", "x" * 99])
def test_reasons_that_are_none(admin, alice, reason):
    serial = alice.certificate()["serial"]
    answer = revoke(admin, serial, reason=reason)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["path"] == "reason"


def test_all_of_a_person_with_the_sessions(api, admin, alice):
    serials = {alice.certificate()["serial"] for _ in range(2)}
    answer = revoke_all(admin, "person", "Alice", reason="affiliationChanged").json()
    assert (answer["revoked"], answer["sessions_ended"]) == (2, 1)
    assert {each["serial"] for each in answer["certificates"]} == serials == revoked(api)
    assert alice.call("GET", "/v1/me").status_code == 401
    details = {"reason": "affiliationChanged", "revoked": 2, "sessions": 1}
    assert event(api)["details"] == details
    assert api.device("alice").certificate()  # who is not blocked may come back


def test_all_of_a_person_twice(api, admin, alice):
    alice.certificate()
    revoke_all(admin, "person", "alice")
    events = len(api.events())
    answer = revoke_all(admin, "person", "alice").json()
    assert answer == {"revoked": 0, "sessions_ended": 0, "certificates": []}
    assert len(api.events()) == events


def test_a_person_who_was_removed_is_known(admin, alice):
    alice.certificate()
    admin.call("DELETE", "/v1/users/alice")
    assert revoke_all(admin, "person", "alice").json()["revoked"] == 0


def test_an_edge_is_cut_off_until_it_enrolls_anew(api, admin, edge):
    answer = revoke_all(admin, "edge", "e1", reason="cessationOfOperation").json()
    assert (answer["revoked"], answer["sessions_ended"]) == (1, 0)
    assert revoked(api, "server-issuing") == {answer["certificates"][0]["serial"]}
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 403


def test_a_host(api, admin):
    api.machine(admin, "host", "db1")
    (found,) = revoke_all(admin, "host", "db1").json()["certificates"]
    assert (found["kind"], found["subject"], found["reason"]) == ("host", "db1", "unspecified")
    assert revoke_all(admin, "edge", "db1").status_code == 404


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        ("person", "there is no user 'x'", "pgward user list"),
        ("edge", "there is no edge 'x'", "pgward edges"),
        ("host", "there is no host 'x'", "pgward ca list --kind host"),
    ],
)
def test_an_owner_who_never_was(admin, kind, message, hint):
    error = revoke_all(admin, kind, "x").json()["error"]
    assert (error["message"], error["hint"]) == (message, hint)


def test_expired_certificates_are_left_out(api, admin, alice):
    alice.certificate()
    api.clock.move(hours=2)
    assert revoke_all(admin, "person", "alice").json()["revoked"] == 0


def test_the_authoritys_own_certificates_stay(admin, edge):
    edge.call("GET", "/v1/edge/snapshot")
    (own,) = admin.call("GET", "/v1/certificates?kind=snapshot").json()["certificates"]
    answer = revoke(admin, own["serial"])
    assert answer.status_code == 409
    assert "own certificate" in answer.json()["error"]["message"]


def test_a_cas_certificate_needs_its_root(admin, store, hierarchies, sql_authority):
    certificate = hierarchies.user.issuing.certificate
    record = CertificateRecord(
        serial=certificate.serial_number,
        ca=CaName.USER_ROOT,
        kind=Kind.CA,
        subject="user-issuing",
        not_before=START,
        not_after=certificate.not_valid_after_utc,
        key_sha256="",
    )
    SqlCertificates(store, sql_authority.clock).reserve([record])
    answer = revoke(admin, record.serial_hex)
    assert answer.status_code == 409
    assert "the root's key is needed" in answer.json()["error"]["message"]


def test_people_may_not(alice):
    assert revoke_all(alice, "person", "alice").status_code == 403
