"""Whatever happens, in whatever order: no right past its end, none that nobody gave, nothing left.

A connector's core on a real server, with a CA and a clock that a test moves. Grants come, overlap,
are extended and revoked; the connector dies between any two statements, the machine starts again,
the server and the CA go away, clocks are set, people make things, and others meddle by hand.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pgward.connector import rooms
from pgward.system.postgres import Cluster
from tests.fixtures.access_hands import DOINGS, EXTRA, PEOPLE
from tests.fixtures.access_server import servers
from tests.fixtures.access_stage import SETTINGS, Stage
from tests.fixtures.access_story import KINDS, Story

access_servers = servers(15, settings=SETTINGS)  # the others, and a thousand of each: make test-all

WHO = st.sampled_from(PEOPLE)
STORIES = int(os.environ.get("PGWARD_STORIES", "1000"))
MEMORY = Path("/dev/shm")
NUMBER = st.integers(0, 9)
STATEMENT = st.integers(1, 60)
BY_HAND = st.sampled_from(DOINGS)


class Interleaved(RuleBasedStateMachine):
    """One story; its end is that all that was granted is there, and then nothing is left."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.stage)
        self.goes_on = True

    @rule(person=WHO, kind=st.sampled_from(KINDS), seconds=st.integers(5, 200))
    def grant(self, person, kind, seconds):
        self.story.grant(person, kind, seconds)
        self.after(0)

    @rule(person=WHO, kind=st.sampled_from(KINDS), seconds=st.integers(5, 70), reads=st.booleans())
    def grant_and_enter(self, person, kind, seconds, reads):
        self.grant(person, kind, seconds)
        self.somebody_enters(person, reads)

    @precondition(lambda self: self.story.live())
    @rule(number=NUMBER, seconds=st.integers(5, 100))
    def extend(self, number, seconds):
        live = self.story.live()
        self.story.extend(live[number % len(live)], seconds)
        self.after(0)

    @precondition(lambda self: self.story.live())
    @rule(number=NUMBER)
    def revoke(self, number):
        live = self.story.live()
        self.story.revoke(live[number % len(live)])
        self.after(0)

    @rule(seconds=st.sampled_from([0.5, 3, 6, 20, 70]))
    def after(self, seconds):
        with self.telling():
            self.story.pass_time(seconds)

    @rule(number=STATEMENT, dead=st.sampled_from([0, 1, 7, 30]), reboots=st.booleans())
    def the_connector_is_killed(self, number, dead, reboots):
        self.story.fault.arm(number, self.story.killed(dead, reboots=reboots))
        self.story.look_now()
        self.after(0)

    @rule(number=STATEMENT)
    def the_connection_is_cut(self, number):
        self.story.fault.arm(number, self.story.cut)
        self.story.look_now()
        self.after(0)

    @rule(number=STATEMENT, what=BY_HAND, person=WHO)
    def somebody_meddles_meanwhile(self, number, what, person):
        self.story.fault.arm(number, lambda _: self.story.hands.do(what, person))
        self.story.look_now()
        self.after(0)

    @rule(what=BY_HAND, person=WHO)
    def somebody_meddles(self, what, person):
        with self.telling():
            self.story.hands.do(what, person)

    @rule(person=WHO, reads=st.booleans())
    def somebody_enters(self, person, reads):
        with self.telling():
            self.story.hands.enter(person, reads=reads)

    @rule(person=WHO)
    def somebody_makes_things(self, person):
        with self.telling():
            self.story.hands.make(person)

    @rule(person=WHO, locks=st.booleans())
    def somebody_prepares(self, person, locks):
        with self.telling():
            self.story.hands.prepare(person, locks=locks)

    @precondition(lambda self: self.story.hands.has_prepared)
    @rule(commit=st.booleans())
    def what_was_prepared_is_decided(self, commit):
        with self.telling():
            self.story.hands.decide(commit=commit)

    @rule(away=st.booleans(), old=st.booleans())
    def the_ca_goes_or_comes(self, away, old):
        self.story.ca.is_away, self.story.ca.is_old = away, old
        self.after(0)

    @rule(seconds=st.sampled_from([-100_000, -50, 50, 100_000]))
    def the_clock_is_set(self, seconds):
        self.story.set_clock(seconds)

    @rule()
    def a_database_comes_or_goes(self):
        with self.telling():
            self.story.leave()
            self.story.hands.database()

    @rule(extra=st.booleans())
    def a_database_is_shut_or_opened(self, extra):
        with self.telling():
            self.story.hands.shut(EXTRA if extra else self.story.server.shop)

    @rule(seconds=st.sampled_from([0, 10]), crash=st.booleans())
    def the_server_is_away(self, seconds, crash):
        with self.telling():
            self.story.restart(seconds, crash=crash)

    @precondition(lambda self: not self.stage.has_standby)
    @rule()
    def a_standby_falls_behind(self):
        with self.telling():
            self.stage.make_standby()

    @precondition(lambda self: self.stage.has_standby)
    @rule(seconds=st.sampled_from([0, 3, 20]))
    def a_standby_takes_over(self, seconds):
        with self.telling():
            self.story.fail_over(seconds)
            self.story.pass_time(0)

    @precondition(lambda self: self.story.former is None and self.story.life is not None)
    @rule(copied=st.booleans())
    def another_connector_takes_over(self, copied):
        with self.telling():
            self.story.replace(copied=copied)
        self.after(0)

    @precondition(lambda self: self.story.former is not None)
    @rule()
    def the_former_connector_ends(self):
        self.story.end_former()
        self.after(0)

    @rule(person=WHO, seconds=st.sampled_from([2, 20]))
    def a_role_is_locked(self, person, seconds):
        with self.telling():
            self.story.locked(person, seconds)

    @invariant()
    def is_counted(self):
        self.stage.steps += 1

    def teardown(self):
        try:
            if self.goes_on:
                self.story.end()
        finally:
            self.story.close()

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """What failed has no end to come to."""
        self.goes_on, before = False, self.goes_on
        yield
        self.goes_on = before


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """Have servers in memory: a story waits for the disk most of its time."""
    before = tempfile.tempdir
    tempfile.tempdir = str(MEMORY) if os.access(MEMORY, os.W_OK) else None
    yield
    tempfile.tempdir = before


@pytest.fixture
def stage(access_servers: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(rooms, "LOCK_SECONDS", 0.1)
    made = Stage(access_servers)
    try:
        yield made
    finally:
        made.close()


def interleave(stage: Stage, stories: int, steps: int, *, derandomize: bool = False) -> None:
    machine = type("Told", (Interleaved,), {"stage": stage})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=[
                Phase.generate
            ],  # a story takes seconds: it is told as it was, not made shorter
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{stage.told} stories, {stage.steps} steps\n")


@pytest.mark.soak
def test_what_was_locked_ends_soon_after(stage: Stage) -> None:
    story = Story(stage)
    try:
        story.grant("alice", "write", 10)
        story.pass_time(5)
        story.locked("alice", 25)
        story.pass_time(6)
        story.end()
    finally:
        story.close()


@pytest.mark.soak
def test_a_connector_that_was_replaced_gives_nothing_back(stage: Stage) -> None:
    story = Story(stage)
    try:
        story.grant("alice", "write", 300)
        story.pass_time(5)
        story.replace(copied=False)
        story.pass_time(5)
        assert story.former is not None
        story.cut(story.former.servers[-1].holding)
        story.revoke(story.live()[0])
        story.pass_time(70)
        assert story.life is not None
        story.fault.arm(1, story.killed(200, reboots=False))
        story.look_now()
        story.pass_time(150)
        story.end()
    finally:
        story.close()


@pytest.mark.soak
def test_who_is_in_a_database_that_is_shut_has_nothing_past_its_end(stage: Stage) -> None:
    story = Story(stage)
    try:
        story.grant("alice", "role", 300)
        story.grant("alice", "write", 20)
        story.pass_time(5)
        story.hands.enter("alice", reads=False)
        story.hands.shut(story.server.shop)
        story.pass_time(30)
        story.end()
    finally:
        story.close()


def test_some_stories_end_well(stage: Stage) -> None:
    interleave(stage, 2, 8, derandomize=True)


@pytest.mark.soak
def test_a_thousand_stories_end_well(stage: Stage) -> None:
    interleave(stage, STORIES, 15)
