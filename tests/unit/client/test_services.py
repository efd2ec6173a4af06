from datetime import timedelta

import pytest

from pgward.client.services import EdgeInfo, ServiceInfo, StepUp, choose
from pgward.core.address import Address
from pgward.core.errors import NotFoundError
from tests.fixtures.fake_ca import NOW

REPLY = {
    "name": "orders",
    "description": "all orders",
    "mode": "tcp",
    "server_name": "db1.internal",
    "database": None,
    "ssl_mode": "verify-full",
    "edges": [{"name": "e1", "address": "[::1]:7432", "server_name": "e1.test"}],
    "step_up": {
        "minutes": 15,
        "factors": ["totp"],
        "proved_until": "2026-11-21T12:15:00Z",
    },
}


def test_a_reply_is_read_and_written_back():
    service = ServiceInfo.read(REPLY)
    assert service.edges == (EdgeInfo("e1", Address("::1", 7432), "e1.test"),)
    assert service.to_json() == REPLY


def test_a_ca_that_knows_no_step_ups():
    reply = {key: value for key, value in REPLY.items() if key != "step_up"}
    assert ServiceInfo.read(reply).to_json() == REPLY | {"step_up": None}


@pytest.mark.parametrize(
    ("until", "proved"), [(None, False), (NOW, False), (NOW + timedelta(seconds=1), True)]
)
def test_a_proof_counts_until_its_end(until, proved):
    assert StepUp(15, ("totp",), until).is_proved(NOW) == proved


def test_choosing_by_name():
    service = ServiceInfo.read(REPLY)
    assert choose([service], "orders") is service


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("order", "did you mean orders?"),
        ("zzz", "pgward services lists those you may use"),
    ],
)
def test_a_service_that_is_not_there_or_not_for_you(name, hint):
    with pytest.raises(NotFoundError) as caught:
        choose([ServiceInfo.read(REPLY)], name)
    assert (caught.value.message, caught.value.hint) == (
        f"there is no service {name!r} for you",
        hint,
    )
