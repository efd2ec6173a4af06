from datetime import timedelta

import pytest

from pgward.ca.service.routes.edges import EdgeInfo
from pgward.portal.pages import overview
from tests.fixtures.authority import START


def edge_info(seen=timedelta(0), left=timedelta(hours=24)):
    return EdgeInfo(
        name="e1",
        address=None,
        enrolled_at=START,
        last_seen_at=None if seen is None else START - seen,
        snapshot_version=None,
        not_after=None if left is None else START + left,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"seen": timedelta(minutes=5)}, ""),
        ({"seen": timedelta(minutes=6)}, "is away"),
        ({"seen": None}, "has never been seen"),
        ({"left": timedelta(0)}, "has no certificate that is valid"),
        ({"left": None}, "has no certificate that is valid"),
        ({"left": timedelta(hours=5)}, "has a certificate that soon ends"),
    ],
)
def test_what_is_wrong_with_a_machine_is_said_in_words(given, words):
    assert overview.problem(edge_info(**given), START) == words


def test_an_administrator_sees_the_machines_that_are_away(web, edge, clock):
    assert "e1 has never been seen (edges)" in web.sign_in("root").open("/admin").text
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    assert "Every machine is here" in web.open("/admin").text
    clock.move(minutes=6)
    assert "e1 is away (edges)" in web.open("/admin").text


@pytest.mark.usefixtures("api")
def test_a_new_authority_says_how_to_have_a_first_edge(web):
    assert web.sign_in("root").open("/admin").links["Set up the first"] == "/admin/start"


def test_others_see_nothing_of_it(web, api):
    api.add("alice")
    page = web.sign_in("alice").open("/admin")
    assert (page.status, "Only an administrator may do this" in page.text) == (403, True)
