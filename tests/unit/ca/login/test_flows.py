from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login import flows
from pgward.ca.login.attempt import Attempt
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER


def attempt(**changed):
    facts = {"id": "1", "method": "riddle", "provider": None, "thumbprint": "jkt"}
    return Attempt(began_at=START, **facts | changed)


def test_a_flow_brings_the_attempt_back():
    found = flows.unseal(SEALER, flows.seal(SEALER, attempt()), thumbprint="jkt", now=START)
    assert (found.id, found.method, found.resumed) == ("1", "riddle", True)


@given(st.text(max_size=100))
def test_what_is_no_flow_is_refused(text):
    with pytest.raises(DeniedError, match="not one of this authority's"):
        flows.unseal(SEALER, text, thumbprint="jkt", now=START)


def test_what_was_sealed_for_something_else_is_no_flow():
    other = urlsafe_b64encode(SEALER.seal("totp", attempt().dump())).decode()
    with pytest.raises(DeniedError, match="not one of this authority's"):
        flows.unseal(SEALER, other, thumbprint="jkt", now=START)


def test_a_flow_is_used_up_once(store):
    with store.write() as transaction:
        flows.use_up(transaction, attempt())
    with pytest.raises(DeniedError, match="completed already"), store.write() as transaction:
        flows.use_up(transaction, attempt())


def test_flows_of_one_kind_are_none_of_another():
    flow = flows.seal(SEALER, attempt(), flows.STEP_UP)
    opened = flows.unseal(SEALER, flow, thumbprint="jkt", now=START, kind=flows.STEP_UP)
    assert opened.id == "1"
    with pytest.raises(DeniedError, match="the login is not one of this authority's"):
        flows.unseal(SEALER, flow, thumbprint="jkt", now=START)
