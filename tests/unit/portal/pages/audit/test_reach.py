import csv
import io

import pytest

from pgward.portal.pages.audit import reach
from tests.fixtures.access_world import SERVICE

PAGE = "/audit/map"


@pytest.fixture
def otto(access, who, web):
    """An auditor, where a service lets Ann and engineers in, and more may ask."""
    allow = {"users": ["ann"], "groups": ["engineers"]}
    access.put("Service", "shop", SERVICE | {"allow": allow})
    access.add("otto", "auditors")
    who("otto")
    return web.sign_in("otto")


def test_an_auditor_sees_who_reaches_what(otto):
    page = otto.open(PAGE)
    assert page.status == 200
    assert "group engineers (3)" in page.links
    assert page.links["ann"] == f"{PAGE}?user=ann"
    assert page.links["shop"] == f"{PAGE}?service=shop"
    assert "ann at shop, by allow (Service/shop)" in page.answer.text
    assert 'class="stands"' in page.answer.text
    assert "may ask for it" in page.text


def test_it_is_narrowed_to_somebody(otto):
    page = otto.open(f"{PAGE}?group=engineers&path=allow&people=true")
    assert "(group engineers)" in page.text
    assert "may ask for it" not in page.text
    page = otto.open(f"{PAGE}?path=role-map")
    assert "No such right" in page.text


def test_pages_follow_each_other(otto, monkeypatch):
    monkeypatch.setattr(reach, "_ON_A_PAGE", 1)
    first = otto.open(PAGE)
    second = otto.open(first.links["Next page"])
    assert second.links["First page"] == PAGE


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("path=nothing", "path"),
        ("user=eve", "There is no user"),
        ("cursor=x", "cursor"),
        (f"user={'a' * 64}", "User "),
    ],
)
def test_what_cannot_be_asked_is_explained_on_the_page(otto, query, words):
    page = otto.open(f"{PAGE}?{query}")
    assert (page.status in {404, 422}, words in page.text) == (True, True)
    assert "Each member of groups" in page.text


def test_all_of_it_is_taken_along(otto, api, monkeypatch):
    monkeypatch.setattr(reach, "_PER_PAGE_OF_A_FILE", 1)
    otto.open(f"{PAGE}?path=allow")
    lines = list(csv.DictReader(io.StringIO(otto.press("CSV").answer.text)))
    assert [(each["user"], each["group"], each["by"]) for each in lines] == [
        ("ann", "", "Service/shop"),
        ("", "engineers", "Service/shop"),
    ]
    (noted,) = [each for each in api.events() if each["action"] == "audit.export"]
    assert (noted["target"], noted["details"]) == ("map", {"path": "allow"})


def test_a_search_of_it_is_kept(otto):
    otto.open(f"{PAGE}?path=allow")
    otto.press("Keep", name="standing rights")
    assert otto.open(PAGE).links["standing rights"] == f"{PAGE}?path=allow"


def test_what_was_typed_is_text(otto):
    answer = otto.open(f"{PAGE}?user=<b onload=x>'&group=<b onload>").answer
    assert "onload" in answer.text
    assert "<b onload" not in answer.text


def test_other_people_see_nothing(access, who, web):
    del access
    who("ann")
    web.sign_in("ann")
    assert web.open(PAGE).status == 403
    token = web.open("/databases").forms[0].fields["csrf"]
    assert web.send(f"{PAGE}/export", {"csrf": token, "form": "csv"}).status == 403
