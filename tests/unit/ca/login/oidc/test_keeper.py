import asyncio

import pytest

from pgward.ca.login.oidc import keeper
from pgward.ca.login.oidc.errors import ProviderAwayError, UntrustedError
from pgward.ca.login.oidc.keeper import Keeper
from pgward.core.errors import PgwardError


class Source:
    """Counts how often it is asked; ``error`` is raised instead of an answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: PgwardError | None = None
        self.time = 1000.0
        self.keeper = Keeper(self.fetch, lambda: self.time)

    async def fetch(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.asked

    def get(self, newer_than: float | None = None) -> int:
        return asyncio.run(self.keeper.get(newer_than=newer_than)).value


def test_it_is_kept_for_an_hour() -> None:
    source = Source()
    assert [source.get(), source.get()] == [1, 1]
    source.time += keeper.KEEP_SECONDS
    assert source.get() == 2


def test_many_who_ask_at_once_make_one_request() -> None:
    source = Source()

    async def many() -> list[int]:
        return [each.value for each in await asyncio.gather(*[source.keeper.get()] * 1)] + [
            each.value for each in await asyncio.gather(*(source.keeper.get() for _ in range(20)))
        ]

    assert set(asyncio.run(many())) == {1}
    assert source.asked == 1


def test_a_newer_one_is_fetched_only_now_and_then() -> None:
    source = Source()
    source.get()
    assert source.get(newer_than=1000.0) == 1
    source.time += keeper.AGAIN_SECONDS
    assert source.get(newer_than=1000.0) == 2
    assert source.get(newer_than=1000.0) == 2
    assert source.get(newer_than=source.time) == 2


def test_an_old_one_serves_for_a_day_while_none_can_be_had() -> None:
    source = Source()
    source.get()
    source.error = ProviderAwayError("gone")
    source.time += keeper.KEEP_SECONDS
    assert source.get() == 1
    with pytest.raises(ProviderAwayError):
        source.get(newer_than=1000.0)
    source.time += keeper.MOST_SECONDS
    with pytest.raises(ProviderAwayError):
        source.get()


def test_a_lie_is_not_covered_by_an_old_truth() -> None:
    source = Source()
    source.get()
    source.error = UntrustedError("a lie")
    source.time += keeper.KEEP_SECONDS
    with pytest.raises(UntrustedError):
        source.get()


def test_what_cannot_be_had_is_not_asked_for_at_once_again() -> None:
    source = Source()
    source.error = ProviderAwayError("gone")
    for _ in range(5):
        with pytest.raises(ProviderAwayError):
            source.get()
    assert source.asked == 1
    source.time += keeper.AWAY_SECONDS
    source.error = None
    assert source.get() == 2
