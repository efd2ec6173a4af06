"""Groups in a browser."""

import pytest

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def root(web, api):
    api.add("ann")
    api.add("bob", "sales")
    return web.sign_in("root")


def members(admin, name):
    groups = admin.call("GET", "/v1/groups").json()["groups"]
    return next((each["members"] for each in groups if each["name"] == name), None)


def csrf(page):
    found = next(each for each in page.forms if "csrf" in each.fields)
    return {"csrf": found.fields["csrf"]}


def test_a_group_is_made_and_its_members_come_and_go(root, admin):
    page = root.open("/admin/groups")
    assert page.links["sales"] == "/admin/groups/sales"
    assert "administrators 1 administrator" in page.text
    page = root.press("Make it", name=" web ", add="ann,\nbob")
    assert (page.path, "2 members" in page.text) == ("/admin/groups/web", True)
    assert members(admin, "web") == ["ann", "bob"]
    root.send("/admin/groups/web", {**csrf(page), "remove": "ann"})
    assert members(admin, "web") == ["bob"]
    page = root.press("Put them in", add="root")
    assert members(admin, "web") == ["bob", "root"]
    for name in ("bob", "root"):
        page = root.send("/admin/groups/web", {**csrf(page), "remove": name})
    assert (page.path, "so the group is gone" in page.text) == ("/admin/groups", True)
    assert members(admin, "web") is None


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "web", "add": "nobody"}, 404, "There is no user 'nobody'"),
        ({"name": EVIL, "add": "ann"}, 422, "cannot be a group"),
        ({"name": "web", "add": " , "}, 422, "Nobody is named."),
    ],
)
def test_what_cannot_be_is_told(root, fields, status, words):
    root.open("/admin/groups")
    page = root.press("Make it", **fields)
    assert (page.status, words in page.text) == (status, True), page.text
    assert EVIL not in page.answer.text


def test_the_last_administrator_stays(root):
    page = root.open("/admin/groups/administrators")
    page = root.send("/admin/groups/administrators", {**csrf(page), "remove": "root"})
    assert (page.status, "no active administrator would be left" in page.text) == (409, True)


def test_groups_and_members_are_searched(root):
    assert "No group of that name" in root.open(f"/admin/groups?text={EVIL}").text
    assert "sales" in root.open("/admin/groups?text=SAL").links
    page = root.open("/admin/groups/sales?text=ann")
    assert "Nobody like that is in it" in page.text
    assert "Nobody is in it" in root.open("/admin/groups/none").text
    page = root.open("/admin/groups/%3Cscript%3E")
    assert (page.status, "<script>" in page.answer.text) == (422, False)
