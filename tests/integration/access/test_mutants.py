"""What the stories of rights are worth: a connector without one of its duties is found out.

Each mutant lacks something; stories that are told of it must not end well.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis.errors import Flaky

from pgward.access import planning
from pgward.access.plans import Plan
from pgward.connector import executing
from pgward.connector.assignment import Told
from pgward.connector.clock import CaClock
from pgward.connector.feed import Feed
from pgward.connector.keeper import Keeper
from pgward.connector.keeping import Keeping
from pgward.connector.server import PostgresServer
from tests.fixtures.access_scenes import SCENES
from tests.fixtures.access_server import servers
from tests.fixtures.access_stage import MEMORY, SETTINGS, Stage
from tests.fixtures.access_stories import interleave
from tests.fixtures.access_story import Story

STORIES = int(os.environ.get("PGWARD_STORIES", "300"))
access_servers = servers(15, settings=SETTINGS, place=MEMORY)
pytestmark = pytest.mark.soak


def nothing(*_: Any, **__: Any) -> None:
    return None


def wall_clock(self: CaClock) -> Any:
    """Count from the machine's wall clock, which may be set."""
    if self._began is None:
        return None
    if not hasattr(self, "told"):
        self.told = (self._ticks.wall(), self._began + timedelta(seconds=self._ticks.seconds()))
    wall, then = self.told
    return then + (self._ticks.wall() - wall)


MUTANTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "default privileges stay": (planning, "_take_defaults", nothing),
    "people can log in past the end": (planning, "_disable", nothing),
    "privileges stay": (planning, "_take_privileges", nothing),
    "memberships stay": (planning, "_leave", nothing),
    "sessions go on with what was taken": (planning, "_interrupt", nothing),
    "a shut database is passed over": (planning, "_beyond_reach", lambda *_: {}),
    "sessions are not ended": (executing, "end_sessions", lambda *_: ({}, {})),
    "it gives before the CA has spoken": (Plan, "only_taking", lambda self: self),
    "it gives though another was there": (Keeper, "_is_confirmed", lambda *_: True),
    "no turn comes at an end": (
        Keeper,
        "due_in",
        lambda self: self._due - self._monotonic(),
    ),
    "a server that hung up is not looked at": (PostgresServer, "is_lost", lambda _: False),
    "nothing is kept": (Keeping, "keep", nothing),
    "an old CA is believed": (Feed, "_read", lambda _, reply: Told.read(reply)),
    "time is the wall clock's": (CaClock, "now", wall_clock),
}


def scene_that_fails(stage: Stage) -> str | None:
    for scene in SCENES:
        story = Story(stage)
        try:
            scene(story)
            story.end()
        except AssertionError:
            return scene.__name__
        finally:
            story.close()
    return None


@pytest.fixture(params=MUTANTS)
def mutant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(*MUTANTS[request.param])
    return str(request.param)


@pytest.mark.usefixtures("mutant")
def test_a_scene_shows_what_a_connector_lacks(stage: Stage) -> None:
    assert scene_that_fails(stage) is not None


@pytest.mark.usefixtures("mutant")
def test_stories_show_what_a_connector_lacks(stage: Stage) -> None:
    with pytest.raises((AssertionError, Flaky)):
        interleave(stage, STORIES, 15, derandomize=True)
