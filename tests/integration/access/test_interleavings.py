"""Whatever happens, in whatever order: no right past its end, none that nobody gave, nothing left.

A connector's core on a real server, with a CA and a clock that a test moves. Grants come, overlap,
are extended and revoked; the connector dies between any two statements, the machine starts again,
the server and the CA go away, clocks are set, people make things, and others meddle by hand.
"""

import os

import pytest

from tests.fixtures.access_scenes import SCENES, Scene
from tests.fixtures.access_server import servers
from tests.fixtures.access_stage import MEMORY, SETTINGS, Stage
from tests.fixtures.access_stories import interleave
from tests.fixtures.access_story import Story

access_servers = servers(
    15, settings=SETTINGS, place=MEMORY
)  # the others, and a thousand of each: make test-all
STORIES = int(os.environ.get("PGWARD_STORIES", "1000"))


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES, ids=lambda each: each.__name__)
def test_what_is_told_in_order_ends_well(stage: Stage, scene: Scene) -> None:
    story = Story(stage)
    try:
        scene(story)
        story.end()
    finally:
        story.close()


def test_some_stories_end_well(stage: Stage) -> None:
    interleave(stage, 2, 8, derandomize=True)


@pytest.mark.soak
def test_a_thousand_stories_end_well(stage: Stage) -> None:
    interleave(stage, STORIES, 15)
