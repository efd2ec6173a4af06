"""The calendar of what ends."""

from datetime import date, timedelta

from pgward.portal.pages.machines import expiry
from tests.fixtures.edge_services import actions

TODAY = date(2026, 11, 25)  # a Wednesday


def test_weeks_are_whole_and_begin_with_this_ones_monday():
    ends = [TODAY] + [TODAY + timedelta(days=1)] * 2 + [TODAY - timedelta(days=2)] * 30
    found = expiry.weeks(ends, TODAY)
    assert {len(each) for each in found} == {7}
    monday, tuesday, today, after = found[0][:4]
    assert (monday.number, monday.heat, monday.is_past) == (30, 4, True)
    assert (tuesday.number, tuesday.heat) == (0, 0)
    assert (today.number, today.heat, today.is_today, today.is_past) == (1, 1, True, False)
    assert (after.number, after.heat) == (2, 2)


def test_what_ends_is_shown_with_where_to_look(web, api, edge, clock):
    page = web.sign_in("root").open("/admin/ca/expiry")
    assert page.status == 200, page.text
    assert page.links["e1"] == "/admin/edges/e1"
    assert page.links["user-issuing"] == "/admin/ca"  # its list
    clock.move(seconds=(edge.chain[0].not_valid_after_utc - clock.now()).total_seconds() + 60)
    web.client.cookies.clear()
    page = web.sign_in("root").open("/admin/ca/expiry")
    assert "Ended" in page.text
    assert actions(api, "edge") == []


def test_others_see_nothing_of_it(web, api):
    api.add("alice")
    assert web.sign_in("alice").open("/admin/ca/expiry").status == 403
