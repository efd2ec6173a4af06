import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.passkeys import verifying
from pgward.ca.login.passkeys.responses import Asserted, Made
from pgward.ca.login.passkeys.site import Site
from pgward.ca.login.passkeys.verifying import WrongResponseError
from pgward.ca.login.passkeys.visits import Errand, Visit
from tests.fixtures.authority import START
from tests.fixtures.soft_authenticator import SoftAuthenticator, b64

SITE = Site("localhost", "https://localhost:8443", "Acme")
VISIT = Visit.new(Errand.LOGIN, id="1", expires_at=START)
OPTIONS = {"challenge": VISIT.challenge, "user": {"id": "AAAA"}}


def test_a_made_passkey_is_taken_as_it_is():
    phone = SoftAuthenticator()
    new = verifying.registration(SITE, VISIT, Made.model_validate(phone.make(OPTIONS)))
    assert (new.credential_id, new.public_key) == (phone.credential_id, phone.cose())
    assert (new.sign_count, new.transports, new.backed_up) == (1, ("hybrid", "internal"), False)


def test_a_credential_whose_two_ids_differ_is_refused():
    phone = SoftAuthenticator()
    made = phone.make(OPTIONS) | {"id": "AAAA"}
    with pytest.raises(WrongResponseError, match="two ids"):
        verifying.registration(SITE, VISIT, Made.model_validate(made))


@given(st.binary(max_size=300))
def test_hostile_authenticator_data_is_refused_with_one_error(data):
    made = SoftAuthenticator().make(OPTIONS)
    whole = {"fmt": "none", "attStmt": {}, "authData": data}
    for attestation in (data, cbor2.dumps(whole)):
        made["response"]["attestationObject"] = b64(attestation)
        with pytest.raises(WrongResponseError):
            verifying.registration(SITE, VISIT, Made.model_validate(made))


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_hostile_assertions_are_refused_with_one_error(data, signature):
    phone = SoftAuthenticator()
    new = verifying.registration(SITE, VISIT, Made.model_validate(phone.make(OPTIONS)))
    used = phone.use(OPTIONS, handle=b"h")
    for name, value in (("authenticatorData", data), ("signature", signature)):
        twisted = Asserted.model_validate(
            used | {"response": used["response"] | {name: b64(value)}}
        )
        with pytest.raises(WrongResponseError):
            verifying.assertion(SITE, VISIT, twisted, new, b"h")
