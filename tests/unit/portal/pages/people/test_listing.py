"""Everybody, in a browser."""

EVIL = "<script>alert(1)</script>"


def names(page):
    return [each for each in page.links if page.links[each].startswith("/admin/people/")]


def test_people_are_found_and_filtered(web, api, admin):
    api.add("ann", "sales")
    api.add("bob", password=None)
    admin.call("PATCH", "/v1/users/ann", {"full_name": EVIL})
    admin.call("POST", "/v1/users/bob/invitation", {})
    page = web.sign_in("root").open("/admin/people")
    assert names(page) == [EVIL, "bob", "root"]
    assert EVIL not in page.answer.text
    assert "3 people" in page.text
    assert "bob invited none never" in page.text
    assert "root administrator administrators none" in page.text
    assert names(web.open("/admin/people?text=BO&standing=&group=")) == ["bob"]
    assert names(web.open("/admin/people?group=sales")) == [EVIL]
    assert names(web.open("/admin/people?standing=invited")) == ["bob"]
    assert names(web.open("/admin/people?standing=nonsense")) == [EVIL, "bob", "root"]
    page = web.open(f"/admin/people?text={EVIL}x&group={EVIL}")
    assert "Nobody like that" in page.text
    assert EVIL not in page.answer.text


def test_a_long_list_goes_on(web, api):
    for number in range(50):
        api.add(f"p{number:02}", password=None)
    page = web.sign_in("root").open("/admin/people?text=p")
    assert (len(names(page)), "50 people" in page.text) == (50, True)
    assert "Next page" not in page.links
    page = web.open("/admin/people?standing=active")
    assert len(names(page)) == 50
    page = web.open(page.links["Next page"])
    assert names(page) == ["root"]
    assert page.links["First page"] == "/admin/people?standing=active"


def test_what_cannot_be_asked_for_is_no_page(web, api):  # noqa: ARG001 - it runs
    web.sign_in("root")
    for query in (f"text={'x' * 201}", "text=%00", f"group={'x' * 64}", f"after={'x' * 64}"):
        assert web.open(f"/admin/people?{query}").status in {404, 422}, query
