import time
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from pgward.ca.store import seats
from pgward.core.errors import ConflictError
from pgward.system.files import StorageError


@pytest.fixture
def url(tmp_path):
    return make_url(f"sqlite:///{tmp_path / 'ca.db'}")


def test_one_at_a_time_has_the_seat(url):
    one, two = seats.seat(url), seats.seat(url)
    assert [one.take(), two.take(), one.take()] == [True, False, True]
    one.leave()
    assert two.take()
    two.leave()


def test_who_serves_keeps_movers_away_whether_it_leads_or_not(url):
    one, two = seats.seat(url), seats.seat(url)
    one.take()
    two.take()
    for each in (one, two):
        with pytest.raises(ConflictError, match="another pgward process"), seats.alone(url):
            pass
        each.leave()
    with seats.alone(url):
        with pytest.raises(ConflictError, match="another pgward process"):
            one.take()
        with pytest.raises(ConflictError), seats.alone(url):
            pass
    assert one.take()
    one.leave()


def test_waking_ends_a_wait(url):
    one = seats.seat(url)
    assert not one.wait(0)
    one.wake()
    began = time.monotonic()
    assert not one.wait(60)
    assert time.monotonic() - began < 5


def test_a_place_that_cannot_be_written_is_told(url, tmp_path):
    (tmp_path / "ca.db-serving").mkdir()
    with pytest.raises(StorageError, match=r"cannot lock .*ca\.db-serving"):
        seats.seat(url).take()


def test_no_descriptor_stays_open(url):
    before = len(list(Path("/proc/self/fd").iterdir()))
    one, two = seats.seat(url), seats.seat(url)
    one.take()
    two.take()
    one.leave()
    two.leave()
    with seats.alone(url):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
