"""PostgreSQL's last word waits for the edge's, on a loop that a test plays."""

from dataclasses import dataclass, field

import pytest

from pgward.pgwire import backend
from pgward.tunnel.farewell import WAIT_SECONDS, Farewell, never, says_farewell

ENDED = backend.error("FATAL", "57P01", "terminating connection due to administrator command")
OTHERS = [
    backend.error("ERROR", "57P01", "C57P01"),  # as RAISE may say it
    backend.error("FATAL", "57P05", "terminating connection due to idle-session timeout"),
    backend.error("FATAL", "28000", "VFATAL C57P01"),
    backend.error("ERROR", "22012", "division by zero"),
]


@dataclass
class Loop:
    timers: list[tuple[float, object]] = field(default_factory=list)

    def call_later(self, seconds, then):
        self.timers.append((seconds, then))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def rings(self) -> None:
        for _, then in self.timers:
            then()


@dataclass
class Bench:
    is_expected: bool = True
    went_on: int = 0
    loop: Loop = field(default_factory=Loop)

    def __post_init__(self) -> None:
        self.farewell = Farewell(self.loop, lambda: self.is_expected, self._go_on)

    def _go_on(self) -> None:
        self.went_on += 1


def test_it_is_told_by_severity_and_sqlstate_and_in_any_language():
    assert says_farewell(ENDED)
    assert says_farewell(backend.error("FATAL", "57P01", "breche Verbindung ab"))
    assert [says_farewell(each) for each in OTHERS] == [False] * len(OTHERS)


def test_it_is_held_back_for_a_while_and_then_goes_on():
    bench = Bench()
    assert bench.farewell.takes(memoryview(ENDED))
    assert bench.farewell.waits
    assert bench.farewell.begins()  # and so does the end that follows
    assert [seconds for seconds, _ in bench.loop.timers] == [WAIT_SECONDS]
    bench.loop.rings()
    assert bench.went_on == 1
    assert not bench.farewell.waits
    assert (bench.farewell.taken(), bench.farewell.taken()) == (ENDED, b"")
    assert not bench.farewell.begins()  # once is enough


def test_where_the_edge_ends_nothing_all_passes():
    bench = Bench(is_expected=False)
    assert not bench.farewell.takes(memoryview(ENDED))
    assert not bench.farewell.begins()
    assert bench.loop.timers == []


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_pass(error):
    bench = Bench()
    assert not bench.farewell.takes(memoryview(error))
    assert bench.loop.timers == []


def test_only_one_is_taken():
    bench = Bench()
    assert bench.farewell.takes(memoryview(ENDED))
    assert not bench.farewell.takes(memoryview(ENDED))


def test_when_the_session_is_over_nothing_waits():
    bench = Bench()
    bench.farewell.begins()
    bench.farewell.close()
    bench.loop.rings()
    assert bench.went_on == 0
    assert not bench.farewell.begins()
    Farewell(bench.loop, lambda: True, bench._go_on).close()


def test_nothing_is_expected_without_grants():
    assert never() is False
