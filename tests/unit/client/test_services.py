from datetime import timedelta

import pytest

from pgward.client.services import Access, EdgeInfo, ServiceInfo, StepUp, choose
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
    "access": {
        "until": "2026-11-21T14:00:00Z",
        "role": "alice",
        "names": ["shop-reading"],
        "details": "log in as alice\nask #dba for help",
    },
}


def test_a_reply_is_read_and_written_back():
    service = ServiceInfo.read(REPLY)
    assert service.edges == (EdgeInfo("e1", Address("::1", 7432), "e1.test"),)
    assert service.to_json() == REPLY


@pytest.mark.parametrize("name", ["step_up", "access"])
def test_a_ca_that_knows_no_step_ups_or_no_grants(name):
    reply = {key: value for key, value in REPLY.items() if key != name}
    assert ServiceInfo.read(reply).to_json() == REPLY | {name: None}


@pytest.mark.parametrize(
    ("late", "words"), [(0, "ends in 2 hours"), (3, "ended 1 hour ago")], ids=["live", "over"]
)
def test_who_connects_by_a_grant_is_told_its_end_and_the_details(late, words):
    access = ServiceInfo.read(REPLY).access
    assert isinstance(access, Access)
    assert access.told("orders", NOW + timedelta(hours=late)) == [
        f"your access to orders {words} (2026-11-21T14:00:00Z)",
        "log in as alice",
        "ask #dba for help",
    ]


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


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ({}, "alice_shop"),
        ({"mode": "postgres"}, "alice"),
        ({"access": REPLY["access"] | {"role": None}}, "alice"),
        ({"access": None}, "alice"),
    ],
    ids=["tcp", "postgres", "no-role", "no-grant"],
)
def test_whom_a_person_logs_in_as(change, role):
    access = REPLY["access"] | {"role": "alice_shop"}
    assert ServiceInfo.read(REPLY | {"access": access} | change).role_for("alice") == role
