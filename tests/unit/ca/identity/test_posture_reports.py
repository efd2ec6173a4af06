from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.identity import devices, directory, posture_reports
from pgward.ca.identity.directory import NewUser

SAID = {"os": "linux"}


@pytest.fixture
def device(store, clock):
    with store.write() as transaction:
        directory.add(transaction, NewUser("alice"), now=clock.now(), by="test")
        return devices.see(transaction, "alice", "jkt", name="laptop", client=None, now=clock.now())


@pytest.mark.parametrize(
    ("later", "said", "needed"),
    [
        (timedelta(minutes=59), SAID, False),
        (timedelta(minutes=59), {"os": "macos"}, True),
        (timedelta(minutes=61), SAID, True),
        (timedelta(days=-3), SAID, True),
    ],
)
def test_what_is_news_needs_writing(clock, device, later, said, needed):
    known = replace(device, posture=SAID, posture_at=clock.now())
    assert posture_reports.needs_writing(known, said, clock.now() + later) is needed


def test_a_report_is_kept_with_the_device(store, clock, device):
    assert posture_reports.needs_writing(device, SAID, clock.now())
    with store.write() as transaction:
        posture_reports.write(transaction, device, SAID, clock.now())
        found = devices.find(transaction.connection, "alice", "jkt")
    assert (found.posture, found.posture_at) == (SAID, clock.now())
