from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pgward.tunnel.edge.state import EdgeState, SnapshotError, StepUp
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.pki import NOW
from tests.fixtures.session_bench import ALICE, ORDERS, state
from tests.unit.tunnel.edge.test_state import payload, service  # noqa: F401 - a fixture

MINUTE = timedelta(minutes=1)
UNTIL = "2026-11-21T12:15:00Z"


def asking(proofs, **fields):
    rule = {"end_sessions": False, "proofs": proofs}
    return service(mode="tcp+step-up", step_up=rule | fields)


@pytest.mark.parametrize("ends", [True, False])
def test_a_rule_is_read_with_its_proofs(payload, ends):  # noqa: F811 - the fixture
    payload["services"] = [asking({"alice": UNTIL}, end_sessions=ends)]
    found = EdgeState.load(payload).services["orders"].step_up
    assert found == StepUp({"alice": datetime.fromisoformat(UNTIL)}, ends)


@pytest.mark.parametrize(
    "broken", [service(mode="tcp+step-up"), asking({"alice": 5}), asking(["alice"])]
)
def test_a_rule_that_cannot_be_read_is_no_rule_that_is_not_there(payload, broken):  # noqa: F811
    payload["services"] = [broken]
    with pytest.raises(SnapshotError):
        EdgeState.load(payload)


def test_a_link_may_be_opened_before_anything_is_proved():
    rule = replace(ORDERS, step_up=StepUp({}))
    found = state(services={"orders": rule}).authorize(ALICE, "orders", NOW)
    assert found.step_up == StepUp({})


@pytest.mark.parametrize(
    ("proofs", "refused"),
    [
        ({}, True),
        ({"alice": NOW}, True),
        ({"alice": NOW + MINUTE}, False),
        ({"Alice": NOW + MINUTE}, True),
        ({"bob": NOW + MINUTE}, True),
    ],
)
def test_a_session_needs_a_proof_of_this_person_that_counts(proofs, refused):
    rule = replace(ORDERS, step_up=StepUp(proofs))
    if not refused:
        rule.check_step_up("alice", NOW)
        return
    with pytest.raises(RefusedError, match="orders asks for a fresh second factor") as caught:
        rule.check_step_up("alice", NOW)
    assert (caught.value.reason, caught.value.hint) == (Reason.STEP_UP, "pgward step-up orders")
