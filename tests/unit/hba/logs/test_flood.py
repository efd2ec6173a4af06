from datetime import UTC, datetime, timedelta

from pgward.hba.logs.flood import Flood

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_one_address_has_its_own_room():
    flood = Flood()
    assert sum(flood.take("a", NOW) for _ in range(1000)) == 50
    assert flood.take("b", NOW)
    assert (flood.told(), flood.told()) == (950, 0)


def test_all_together_have_a_room():
    flood = Flood()
    assert sum(flood.take(str(number), NOW) for number in range(1000)) == 200
    assert sum(flood.take(str(n), NOW + timedelta(seconds=10)) for n in range(1000)) == 20


def test_a_clock_that_goes_back_makes_no_room():
    flood = Flood()
    for _ in range(60):
        flood.take("a", NOW)
    assert not flood.take("a", NOW - timedelta(days=1))


def test_addresses_are_forgotten():
    flood = Flood()
    for number in range(6000):
        flood.take(str(number), NOW)
    assert len(flood._rooms) == 5000
