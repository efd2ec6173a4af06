import pytest

from pgward.portal.web import navigation


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/databases", "/databases"),
        ("/databases/orders", "/databases"),
        ("/requests/new/orders", "/requests"),
        ("/databasesx", ""),
        ("/", ""),
    ],
)
def test_a_page_stands_in_a_part(path, part):
    assert navigation.here(path) == part


def test_every_part_is_there(web, api):
    api.add("alice")
    web.sign_in("alice")
    for each in navigation.PARTS:
        page = web.open(each.path)
        assert (page.status, page.links[each.title]) == (200, each.path)
