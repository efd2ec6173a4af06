import dataclasses
from datetime import timedelta

import pytest

from pgward.client.services import StepUp
from pgward.core.clock import SystemClock
from pgward.doctor.checks import step_up
from pgward.doctor.finding import Status
from tests.fixtures.fake_ca import error
from tests.fixtures.patients import service

LATER = SystemClock().now() + timedelta(minutes=9, seconds=30)


@pytest.fixture
def asking(patient):
    """A patient whose service asks for a second factor."""
    rule = StepUp(15, ("totp", "webauthn"), None)
    patient.service = dataclasses.replace(service(), step_up=rule)
    patient.ca_answers = True
    return patient


def standing(until=None):
    return {"minutes": 15, "factors": ["totp", "webauthn"], "proved_until": until}


def test_a_service_that_asks_for_none(patient):
    assert step_up.look(patient) is None
    patient.service = service()
    assert step_up.look(patient) is None


def test_one_that_counts(asking, fake_ca):
    fake_ca.routes["GET /v1/me/step-up"] = standing("2999-01-01T00:00:00Z")
    found = step_up.look(asking)
    assert found.status is Status.OK
    assert found.what.startswith(
        "orders asks for a fresh second factor (totp or webauthn), and yours counts until in "
    )
    assert found.what.endswith("(2999-01-01T00:00:00Z)")


def test_none_that_counts(asking, fake_ca):
    fake_ca.routes["GET /v1/me/step-up"] = standing()
    found = step_up.look(asking)
    assert (found.status, found.hint) == (Status.FAIL, "pgward step-up orders")
    assert found.what.endswith("and none of yours counts now")
    assert found.why == "edges refuse you until you give one; it counts 15 minutes"


def test_a_ca_that_does_not_say(asking, fake_ca):
    fake_ca.routes["GET /v1/me/step-up"] = error("unavailable", "the store is away")
    found = step_up.look(asking)
    assert (found.status, "the store is away" in found.what) == (Status.WARN, True)


@pytest.mark.parametrize(("until", "status"), [(LATER, Status.OK), (None, Status.WARN)])
def test_while_the_ca_is_away_what_it_said_last_counts(asking, fake_ca, until, status):
    asking.ca_answers = False
    rule = dataclasses.replace(asking.service.step_up, proved_until=until)
    asking.service = dataclasses.replace(asking.service, step_up=rule)
    fake_ca.requests.clear()
    assert step_up.look(asking).status is status
    assert fake_ca.calls == []
