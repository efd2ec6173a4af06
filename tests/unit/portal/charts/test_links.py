from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.charts import links
from pgward.portal.charts.links import Link, Node


def link(left, right, kind="stands"):
    return Link(left, right, kind, f"{left} at {right}")


def test_names_stand_on_two_sides_near_what_they_reach():
    found = links.draw(
        "x", [link("zoe", "books"), link("ana", "shop"), link("bob", "books"), link("ana", "shop")]
    )
    assert [each.name for each in found.left] == ["bob", "zoe", "ana"]
    assert [each.name for each in found.right] == ["books", "shop"]
    assert found.says == "3 who reach 2 by 3 ways."
    assert (found.height, [each.y for each in found.left]) == (98, [38.0, 62.0, 86.0])
    assert [each.y for each in found.right] == [44.0, 80.0]
    assert found.curves[0].path == "M238 62.0C348 62.0 372 44.0 482 44.0"


def test_two_ways_are_two_lines():
    found = links.draw("x", [link("ana", "shop"), link("ana", "shop", "asks")])
    assert [each.kind for each in found.curves] == ["stands", "asks"]
    assert found.curves[0].path != found.curves[1].path


def test_a_long_name_is_cut():
    name = "a" * 31
    assert links.draw("x", [link(name, "shop")]).left == [Node(38.0, "a" * 29 + "…", name)]


def test_nobody_reaches_nothing():
    found = links.draw("x", [])
    assert (found.left, found.right, found.curves) == ([], [], [])


@given(st.lists(st.builds(link, st.text(max_size=3), st.text(max_size=3)), max_size=40))
def test_names_of_a_side_have_places_of_their_own(given_links):
    found = links.draw("x", given_links)
    for side in (found.left, found.right):
        heights = [each.y for each in side]
        assert len(set(heights)) == len(heights)
        assert all(0 < each < found.height for each in heights)
