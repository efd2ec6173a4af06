"""Slowed sessions on a tape that is made up, and a clock that a test moves."""

from dataclasses import dataclass, field

import pytest

from pgward.audit.tape.segments import Fill
from pgward.tunnel.edge.aware.pressure import (
    HALF,
    LEAST_RATE,
    MIB,
    MOST_RATE,
    STUCK_SECONDS,
    TICK_SECONDS,
    Pressure,
    rate_at,
)

SEGMENT = 16 * MIB
READ = 64 * 1024


@dataclass(eq=False)
class Session:
    """One that says so many bytes a second if it is let; a slowed one reads 64 KiB at once."""

    world: "World"
    person: str
    speed: float
    said: int = 0
    taped: int = 0
    is_slowed: bool = False
    waiting: float = 0.0

    def passes(self, seconds: float) -> None:
        self.waiting += self.speed * seconds
        if not self.is_slowed:
            self._read(int(self.waiting))

    def _read(self, size: int) -> None:
        self.waiting -= size
        self.said += size
        self.taped += size
        self.world.tape.put(size)

    def slow(self) -> None:
        self.is_slowed = True

    def sip(self) -> None:
        self.waiting = min(self.waiting, 4 * MIB)  # as much as sockets hold
        self._read(min(READ, int(self.waiting)))

    def quicken(self) -> None:
        self.is_slowed = False


@dataclass
class Tape:
    most: int = 64
    written: int = 0
    first: int = 1
    taken: float = 0.0
    turned: object = None

    def put(self, size: int) -> None:
        before = self.written // SEGMENT
        self.written += size
        if self.written // SEGMENT > before:
            self.turned()

    def take(self, size: float) -> None:
        self.taken = min(self.written, self.taken + size)
        self.first = 1 + int(self.taken) // SEGMENT

    def fill(self) -> Fill:
        return Fill(self.written // SEGMENT - self.first + 3, self.most, self.first)


@dataclass
class World:
    drain: float  # bytes a second that the auditor takes
    tape: Tape = field(default_factory=Tape)
    now: float = 0.0
    sessions: list[Session] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    calls: list[tuple[float, object]] = field(default_factory=list)
    highest: float = 0.0

    def __post_init__(self) -> None:
        self.pressure = Pressure(
            self.tape,
            lambda: self.sessions,
            lambda seconds, call: self.calls.append((self.now + seconds, call)),
            tell=self.told.append,
            now=lambda: self.now,
        )
        self.tape.turned = self.pressure.turned

    def session(self, person: str, speed: float) -> Session:
        self.sessions.append(Session(self, person, speed))
        return self.sessions[-1]

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.now += TICK_SECONDS
            for each in self.sessions:
                each.passes(TICK_SECONDS)
            self.tape.take(self.drain * TICK_SECONDS)
            due = [call for at, call in self.calls if at <= self.now + 1e-9]
            self.calls = [each for each in self.calls if each[0] > self.now + 1e-9]
            for call in due:
                call()
            self.highest = max(self.highest, self.tape.fill().level)


def test_one_heavy_session_is_slowed_to_what_is_taken_and_nobody_else():
    world = World(drain=4 * MIB)
    heavy, light = world.session("mallory", 200 * MIB), world.session("alice", 100_000)
    world.run(20)
    before, began = heavy.taped, world.now
    world.run(60)
    assert heavy.is_slowed
    assert not light.is_slowed
    assert light.waiting < READ
    assert world.highest < 0.75
    assert (heavy.taped - before) / (world.now - began) == pytest.approx(4 * MIB, rel=0.3)
    assert world.told[-1] == 1


def test_nothing_is_done_below_the_half():
    world = World(drain=50 * MIB)
    world.session("mallory", 40 * MIB)
    world.run(30)
    assert (world.told, world.calls) == ([], [])


def test_all_is_as_before_when_there_is_room_again():
    world = World(drain=2 * MIB)
    heavy = world.session("mallory", 100 * MIB)
    world.run(20)
    assert heavy.is_slowed
    heavy.speed, heavy.waiting = 0, 0.0
    world.drain = 200 * MIB
    world.run(10)
    assert not heavy.is_slowed
    assert (world.told[-1], world.calls) == (0, [])


def test_many_sessions_of_one_person_have_one_share():
    world = World(drain=4 * MIB)
    for _ in range(50):
        world.session("mallory", 3 * MIB)
    light = world.session("alice", 50_000)
    world.run(60)
    assert not light.is_slowed
    assert world.highest < 0.8


def test_a_light_session_of_the_heavy_one_goes_on():
    world = World(drain=4 * MIB)
    world.session("mallory", 100 * MIB)
    light = world.session("mallory", 1000)
    world.run(30)
    assert not light.is_slowed


def test_when_nothing_is_taken_any_more_it_is_as_without():
    world = World(drain=0)
    heavy = world.session("mallory", 20 * MIB)
    world.run(STUCK_SECONDS - 10)
    assert heavy.is_slowed
    assert world.tape.fill().level < 0.9
    world.run(60)
    assert not heavy.is_slowed
    assert world.highest > 1
    world.drain = 400 * MIB
    world.run(3)
    assert world.tape.first > 1


def test_who_is_gone_is_forgotten():
    world = World(drain=1 * MIB)
    world.session("mallory", 100 * MIB)
    world.run(20)
    assert world.told[-1] == 1
    world.sessions.clear()
    world.run(1)
    assert world.told[-1] == 0


def test_the_fuller_the_less():
    assert rate_at(HALF) == MOST_RATE
    assert rate_at(0.4) == MOST_RATE
    assert rate_at(0.75) == pytest.approx(MOST_RATE / 128)
    assert rate_at(1.0) == LEAST_RATE
    assert rate_at(1.5) == LEAST_RATE
