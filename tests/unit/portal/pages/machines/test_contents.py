"""What a server holds, in a browser."""

from urllib.parse import urlencode

import pytest

from pgward.access.catalog import Thing
from tests.fixtures import catalogs, integrations

PLACE = "/admin/integrations/shop-db"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def root(web, admin):
    integrations.declare(admin)
    return web.sign_in("root")


@pytest.fixture
def known(root, api):
    shop = (*catalogs.SHOP, Thing("table", "public", EVIL, owner=EVIL, comment=EVIL))
    server = (*catalogs.SERVER, Thing("role", "", EVIL, comment=EVIL))
    catalogs.deliver(api.store, {"": server, "shop": shop})
    return root


def ask(web, view, **query):
    page = web.open(f"{PLACE}/{view}?{urlencode(query)}")
    assert "<script>" not in page.answer.text
    return page


@pytest.mark.parametrize("view", ["objects", "roles", "grants"])
def test_before_the_first_look_it_says_so(root, view):
    page = ask(root, view)
    assert (page.status, "Nobody has looked yet" in page.text) == (200, True)


def test_objects_are_found_by_what_they_are(known):
    page = ask(known, "objects")
    assert page.status == 200
    assert "shop.billing.cards" in page.text
    assert EVIL in page.text
    assert "about 1200" in page.text
    page = ask(known, "objects", search="credit", kind="table")
    assert "shop.billing.cards" in page.text
    assert "news" not in page.text
    assert "Nothing of that kind" in ask(known, "objects", owner="nobody").text


def test_roles_lead_to_what_they_were_granted(known):
    page = ask(known, "roles", search="alice")
    assert page.links["alice"] == f"{PLACE}/grants?to=alice"
    page = known.open(page.links["alice"])
    assert "writer → reader" in page.text
    assert "everybody" in page.text


def test_lists_go_on(known, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.machines.contents._LIMIT", 2)
    for view in ("objects", "roles", "grants"):
        page = ask(known, view)
        page = known.open(page.links["Next page"])
        assert page.status == 200
        assert "First page" in page.links


@pytest.mark.parametrize(
    "query", [{"kind": "whim"}, {"cursor": "x"}, {"search": "a\0b"}, {"owner": "a" * 300}]
)
def test_what_cannot_be_asked_is_said(known, query):
    assert ask(known, "objects", **query).status == 422


def test_others_see_nothing_of_it(web, api, admin):
    integrations.declare(admin)
    api.add("alice")
    web.sign_in("alice")
    for view in ("objects", "roles", "grants"):
        assert web.open(f"{PLACE}/{view}").status == 403


def test_what_is_not_there_is_no_page(root):
    for view in ("objects", "roles", "grants"):
        assert root.open(f"/admin/integrations/none/{view}").status == 404
