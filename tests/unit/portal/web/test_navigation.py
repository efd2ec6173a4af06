import pytest

from pgward.portal.web import navigation


@pytest.mark.parametrize(
    ("path", "part", "page"),
    [
        ("/databases", "Databases", ""),
        ("/databases/orders", "Databases", ""),
        ("/requests/new/orders", "Requests", ""),
        ("/admin", "Administration", "/admin"),
        ("/admin/nothing", "Administration", "/admin"),
        ("/databasesx", None, ""),
        ("/reviews/q4", "Audit", "/reviews"),
        ("/", None, ""),
    ],
)
def test_a_page_stands_in_a_part(path, part, page):
    found = navigation.place(path)
    assert (found.part.title if found.part else None, found.page) == (part, page)


@pytest.mark.usefixtures("admin")
def test_every_part_and_every_page_of_it_is_there_for_an_administrator(web):
    web.sign_in("root")
    for each in navigation.PARTS:
        page = web.open(each.path)
        assert (page.status, page.links[each.title]) == (200, each.path)
        for entry in [entry for group in each.groups for entry in group.pages]:
            page = web.open(entry.path)
            assert (page.status, page.links[entry.title]) == (200, entry.path)


def test_who_is_no_administrator_is_shown_no_administration(web, api):
    api.add("alice")
    assert "Administration" not in web.sign_in("alice").open("/databases").text
