import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.service.routes.recording_playback import Moment, Timeline, TimelineBar
from pgward.portal.pages.sessions import timeline
from pgward.portal.pages.sessions.timeline import HEIGHT, WIDTH, Shape
from tests.fixtures.authority import START


def whole(seconds, *bars):
    made = [TimelineBar(at=at, until=until, events=events) for at, until, events in bars]
    return Timeline(began=START, seconds=seconds, bars=made)


def test_events_are_spread_over_the_time_that_they_took():
    found = timeline.outline(whole(200, (0, 0.5, 9), (100, 101.5, 18)))
    assert found == "M0.0 44v-44.0h4.0V44M500.0 44v-44.0h4.0V44M505.0 44v-44.0h4.0V44"


@pytest.mark.parametrize("of", [whole(0), whole(10), whole(0, (0, 0, 0))])
def test_nothing_to_draw(of):
    assert timeline.outline(of) == ""


def test_a_recording_of_one_moment():
    assert timeline.outline(whole(0, (0, 0, 3))) == "M0.0 44v-44.0h4.0V44"


def test_fields_that_lead_to_their_time():
    found = timeline.reaches(whole(100))
    assert (len(found), found[0].at, found[-1].at) == (50, 0.0, 98.0)
    assert found[-1].x + found[-1].width == WIDTH


def test_statements_lie_where_they_were():
    said = Moment(at=50, kind="said", text="s" * 100, status="ok", seconds=25)
    bad = Moment(at=100, kind="said", text="x", status="denied")
    table = Moment(at=1, kind="table")
    assert timeline.statements(whole(100), [said, table, bad]) == [
        Shape(500.0, 47, 250.0, 8, 50, "said", "s" * 80),
        Shape(998.0, 47, 2.0, 8, 100, "bad", "x"),
    ]


def test_troubles_lie_below():
    assert timeline.troubles(whole(100), [(10, "ERROR")]) == [
        Shape(100.0, 55, 2.0, 8, 10, "bad", "ERROR")
    ]


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_nothing_is_outside_the_picture(seconds, at, took):
    of = whole(seconds, (at, at + took, 7))
    assert timeline.outline(of).startswith("M")
    (shape,) = timeline.statements(of, [Moment(at=at, kind="said", seconds=took)])
    assert 0 <= shape.x <= shape.x + shape.width <= WIDTH + 0.1
    assert 0 <= shape.y <= shape.y + shape.height <= HEIGHT
