import pytest

from pgward.ca.settings import LimitSettings
from pgward.core.errors import UnavailableError


def test_a_path_that_is_nobodys_is_a_page_for_browsers_and_words_for_others(web, api):
    page = web.open("/nothing-here")
    assert (page.status, "There is no such page" in page.text) == (404, True)
    assert api.call("GET", "/nothing-here").json()["error"]["code"] == "not_found"
    assert web.open("/v1/nothing").answer.json()["error"]["code"] == "not_found"


def test_a_post_of_nobody_is_sent_to_sign_in_without_a_way_back(web):
    web.client.follow_redirects = False
    page = web.send("/sign-out", {"csrf": "x"})
    assert (page.status, page.answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("path", ["/sign-in?next=" + "x" * 3000, "/sign-in?next=%00"])
def test_a_bad_query_is_a_problem_and_no_crash(web, path):
    assert web.open(path).status in {404, 422}


def test_what_the_authority_cannot_do_now_is_told(web, api, monkeypatch):
    api.add("alice")
    web.sign_in("alice")

    def away(*_):
        raise UnavailableError("the store is away")

    monkeypatch.setattr("pgward.ca.service.routes.me.services", away)
    page = web.open("/databases")
    assert page.status == 503
    assert "The store is away." in page.text
    assert page.answer.headers["retry-after"]


def test_a_failure_and_too_much_are_told_on_pages(web, api, app, monkeypatch):
    api.add("alice")
    web.sign_in("alice")

    def broken(*_):
        raise RuntimeError("<b>inside")

    monkeypatch.setattr("pgward.ca.service.routes.me.services", broken)
    page = web.open("/databases")
    assert page.status == 500
    assert "The authority failed unexpectedly" in page.text
    assert "inside" not in page.answer.text
    page = web.send("/requests/new/x", {"csrf": "x" * 100_000})
    assert (page.status, "That is too much" in page.text) == (413, True)
    app.state.context.limits.settings = LimitSettings(address_per_second=1)
    app.state.context.limits.__post_init__()
    answers = [web.open("/sign-in") for _ in range(30)]
    assert answers[-1].status == 429
    assert "Too many requests" in answers[-1].text
    assert answers[-1].answer.headers["retry-after"] == "1"
    assert answers[-1].answer.headers["x-frame-options"] == "DENY"
