from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.services import Access, ServiceInfo
from pgward.tunnel.local.endings import Endings, minutes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDERS = ServiceInfo("orders", "", "tcp", "db", None, "verify-full", ())


def granted(**left: float) -> ServiceInfo:
    return replace(ORDERS, access=Access(NOW + timedelta(**left), None, (), ""))


@pytest.mark.parametrize(
    ("service", "due"),
    [
        (ORDERS, False),
        (granted(minutes=5, seconds=1), False),
        (granted(minutes=5), True),
        (granted(seconds=1), True),
        (granted(), False),
        (granted(hours=-1), False),
    ],
)
def test_five_minutes_before_its_end_it_is_due(service, due):
    endings = Endings()
    assert endings.is_due(service, NOW) is due
    assert (endings.soon(service, NOW) is not None) is due


def test_each_end_is_told_once_and_one_that_was_extended_again():
    endings = Endings()
    said = [
        endings.soon(service, NOW)
        for service in (granted(minutes=4), granted(minutes=4), granted(hours=1))
    ]
    assert said == ["your access to orders ends in 4 minutes", None, None]
    later = NOW + timedelta(minutes=56)
    assert endings.soon(granted(hours=1), later) == "your access to orders ends in 4 minutes"


def test_what_was_read_as_one_connected_is_not_said_again():
    endings = Endings()
    endings.read(granted(minutes=2))
    endings.read(ORDERS)
    assert endings.soon(granted(minutes=2), NOW) is None


def test_services_are_forgotten():
    endings = Endings()
    endings.read(granted(minutes=2))
    endings.keep(["orders"])
    assert endings.soon(granted(minutes=2), NOW) is None
    endings.keep([])
    assert endings.soon(granted(minutes=2), NOW) is not None


def test_a_time_is_told_in_minutes():
    told = [minutes(timedelta(seconds=seconds)) for seconds in (1, 70, 280, 300)]
    assert told == ["1 minute", "1 minute", "5 minutes", "5 minutes"]
