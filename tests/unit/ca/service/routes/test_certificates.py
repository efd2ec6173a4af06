import pytest
from cryptography.x509 import ReasonFlags

from pgward.ca.service.routes import certificates
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keyCompromise", ReasonFlags.key_compromise),
        ("key_compromise", ReasonFlags.key_compromise),
        ("superseded", ReasonFlags.superseded),
        ("the laptop was lost", ReasonFlags.unspecified),
        ("", ReasonFlags.unspecified),
    ],
)
def test_a_reason_by_name_or_in_words(text, reason):
    assert certificates._reason(text) is reason


@pytest.mark.parametrize("text", ["removeFromCRL", "certificateHold"])
def test_reasons_that_do_not_revoke_are_refused(text):
    with pytest.raises(InvalidInputError, match="no reason to revoke"):
        certificates._reason(text)


def test_states_are_told_and_chosen(api, admin, alice):
    serial = alice.certificate()["serial"]

    def listed(state):
        found = admin.call("GET", f"/v1/certificates?user=alice&state={state}").json()
        return [each["serial"] for each in found["certificates"]]

    assert (listed("active"), listed("expired")) == ([serial], [])
    api.clock.move(hours=2)
    assert (listed("active"), listed("expired"), listed("revoked")) == ([], [serial], [])


@pytest.mark.usefixtures("edge")
def test_the_authoritys_own_certificates_stay(admin, edge):
    edge.call("GET", "/v1/edge/snapshot")
    (own,) = admin.call("GET", "/v1/certificates?kind=snapshot").json()["certificates"]
    answer = admin.call("POST", f"/v1/certificates/{own['serial']}/revoke", {})
    assert answer.status_code == 409
    assert "own certificate" in answer.json()["error"]["message"]


def test_a_serial_number_is_read_in_any_case_and_with_leading_zeros(admin, alice):
    serial = alice.certificate()["serial"]
    path = f"/v1/certificates/00{serial.upper()}/revoke"
    assert admin.call("POST", path, {}).json() == {"revoked": 1}
