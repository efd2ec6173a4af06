import pytest

from pgward.access.catalog import PUBLIC
from pgward.access.tags import TagRule
from pgward.ca.catalog import searching
from pgward.ca.catalog.searching import GrantFilter, ObjectFilter, Tagging
from pgward.core.errors import InvalidInputError
from tests.fixtures.catalogs import SERVER, SHOP, deliver

TAGGING = Tagging(
    {"env": "prod", "owner": "team"},
    (
        TagRule("shop", "billing", "*ards", {"pii": "yes"}),
        TagRule("sh*", "billing", tags={"owner": "billing", "pii": "no"}),
    ),
)


@pytest.fixture
def known(store):
    deliver(store, {"": SERVER, "shop": SHOP})
    return store


def objects(store, **wanted):
    with store.read() as connection:
        found = searching.objects(connection, "shop-db", ObjectFilter(**wanted), TAGGING, limit=100)
    return [f"{row['schema']}.{row['name']}" for row in found]


def grants(store, **wanted):
    with store.read() as connection:
        found = searching.grants(connection, "shop-db", GrantFilter(**wanted), limit=100)
    return [
        (row["schema"], row["name"], row["column"], row["grantee"], *row["privileges"])
        for row in found
    ]


def test_an_object_is_told_with_its_tags(known):
    with known.read() as connection:
        [found] = searching.objects(
            connection, "shop-db", ObjectFilter(search="credit"), TAGGING, limit=100
        )
    assert found.pop("id")
    assert found == {
        "database": "shop",
        "kind": "table",
        "schema": "billing",
        "name": "cards",
        "signature": "",
        "detail": "",
        "owner": "app",
        "comment": "Credit cards",
        "rows": 1200,
        "size": 81000,
        "tags": {"env": "prod", "owner": "billing", "pii": "yes"},
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"search": "CARD"}, ["billing.cards"]),
        ({"search": "billing.c"}, ["billing.cards"]),
        ({"search": "_1"}, ["billing.Bills_100%"]),
        ({"search": "%"}, ["billing.Bills_100%"]),
        ({"kind": "function"}, ["public.add"]),
        ({"schema": "public", "kind": "table"}, ["public.news"]),
        ({"owner": "app", "kind": "table"}, ["billing.Bills_100%", "billing.cards"]),
        ({"database": "other"}, []),
    ],
)
def test_objects_are_found_by_their_words_and_places(known, wanted, found):
    assert objects(known, **wanted) == found


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"pii": "yes"}, ["billing.cards"]),
        ({"pii": "no"}, ["billing.", "billing.Bills_100%"]),
        ({"owner": "billing", "pii": "yes"}, ["billing.cards"]),
        ({"owner": "team"}, [".", "public.", "public.add", "public.news"]),
        ({"env": "test"}, []),
        ({"none": "x"}, []),
    ],
)
def test_objects_are_found_by_their_tags(known, tags, found):
    assert objects(known, tags=tags) == found


def test_a_filter_by_tags_and_the_tags_told_agree(known):
    with known.read() as connection:
        for key, value in (("pii", "yes"), ("pii", "no"), ("owner", "team"), ("owner", "billing")):
            everything = searching.objects(
                connection, "shop-db", ObjectFilter(), TAGGING, limit=100
            )
            wanted = ObjectFilter(tags={key: value})
            found = searching.objects(connection, "shop-db", wanted, TAGGING, limit=100)
            assert found == [row for row in everything if row["tags"].get(key) == value]


@pytest.mark.parametrize("pattern", ["b[i]*", "b?l*", "*ILLING", "b%", "billin_*"])
def test_a_pattern_means_its_letters(known, pattern):
    tagging = Tagging({}, (TagRule("*", pattern, tags={"x": "y"}),))
    with known.read() as connection:
        wanted = ObjectFilter(tags={"x": "y"})
        assert searching.objects(connection, "shop-db", wanted, tagging, limit=9) == []


def test_pages_follow_each_other(known):
    wanted, found, after = ObjectFilter(), [], None
    with known.read() as connection:
        while True:
            rows = searching.objects(connection, "shop-db", wanted, TAGGING, limit=2, after=after)
            if not rows:
                break
            found += rows
            after = searching.place(rows[-1])
        everything = searching.objects(connection, "shop-db", wanted, TAGGING, limit=100)
    assert found == everything


@pytest.mark.parametrize("after", ["x", "", "WzFd", "W251bGwsIiIsIiIsMV0=", "WyIiLCIiLCIiLCJ4Il0="])
def test_a_cursor_that_is_none_is_refused(known, after):
    with known.read() as connection, pytest.raises(InvalidInputError, match="cursor"):
        searching.objects(connection, "shop-db", ObjectFilter(), TAGGING, limit=9, after=after)


def test_grants_are_found_by_who_has_them(known):
    assert grants(known, to=["writer"]) == [("billing", "cards", "", "writer", "INSERT", "SELECT")]
    assert grants(known, to=["alice"]) == [("billing", "cards", "owner", "alice", "UPDATE")]
    assert [row[1] for row in grants(known, to=[PUBLIC])] == ["", "add", "news"]


def test_grants_are_found_by_what_they_are_on(known):
    found = grants(known, database="shop", schema="billing", name="cards")

    assert [row[3:] for row in found] == [
        ("alice", "UPDATE"),
        ("reader", "SELECT"),
        ("writer", "INSERT", "SELECT"),
    ]
    assert [row[1] for row in grants(known, to=["reader"], privilege="select")] == ["app", "cards"]
    assert grants(known, privilege="SEL") == []


def test_roles_are_listed_with_what_they_are_members_of(known):
    with known.read() as connection:
        found = searching.roles(connection, "shop-db", limit=100)
        after = searching.roles(connection, "shop-db", limit=1, after="app")
        searched = searching.roles(connection, "shop-db", limit=100, search="ALI")
    assert [each["name"] for each in found] == ["alice", "app", "idle", "reader", "writer"]
    assert found[0] == {
        "name": "alice",
        "comment": "",
        "attributes": {"login": True},
        "member_of": [{"role": "writer", "admin": False, "inherit": True, "set": False}],
    }
    assert (after, searched) == ([found[2]], [found[0]])


def test_one_role(known):
    with known.read() as connection:
        (listed, *_) = searching.roles(connection, "shop-db", limit=100)
        assert searching.role(connection, "shop-db", listed["name"]) == listed
        assert searching.role(connection, "shop-db", "nobody") is None
        assert searching.role(connection, "pay-db", listed["name"]) is None


def test_what_a_role_has_through_others_is_followed(known):
    with known.read() as connection:
        alice = searching.closure(connection, "shop-db", "alice")
        idle = searching.closure(connection, "shop-db", "idle")
    assert alice == {"alice": None, PUBLIC: None, "writer": "alice", "reader": "writer"}
    assert idle == {"idle": None, PUBLIC: None}  # it neither inherits nor may it SET ROLE
