import pytest

from pgward.access.rights import ObjectRights, Rights
from pgward.ca.access import requests, viewing
from pgward.ca.access.requests import GrantSearch, Search
from pgward.ca.access.viewing import Viewer
from pgward.ca.identity import directory
from pgward.core.errors import NotFoundError


@pytest.fixture
def view(access, clock):
    def view(name, look):
        with access.store.read() as connection:
            return look(Viewer(connection, directory.get(connection, name), clock.now()))

    return view


def test_a_yes_that_counts_no_more_is_shown_as_such(access, view):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    access.decide(asked.id, "dora")
    with access.store.write() as transaction:
        directory.change_groups(transaction, "dora", [])
    seen = view("adam", lambda viewer: viewer.one(asked.id))
    assert ([each.given for each in seen.needed], seen.counts) == ([0], frozenset())


@pytest.mark.parametrize(
    ("name", "can"),
    [("ann", ["cancel", "plan"]), ("dora", ["approve", "deny", "plan"]), ("adam", ["plan"])],
)
def test_what_people_can_do_while_it_waits(access, view, name, can):
    asked = access.ask()
    assert view(name, lambda viewer: viewer.one(asked.id)).can == can


@pytest.mark.parametrize(
    ("name", "can"),
    [("ann", ["extend", "revoke"]), ("dora", ["revoke"]), ("adam", ["revoke"])],
)
def test_what_people_can_do_with_a_grant(access, view, name, can):
    grant = access.granted()
    assert view(name, lambda viewer: viewer.one(grant.id)).can == can


def test_whoever_decided_goes_on_to_see_it(access, view):
    grant = access.granted()
    with access.store.write() as transaction:
        directory.change_groups(transaction, "dora", [])
    assert view("dora", lambda viewer: viewer.one(grant.id)).grant == grant
    with pytest.raises(NotFoundError):
        view("olga", lambda viewer: viewer.one(grant.id))


def test_what_holds_up_a_grant_is_told_to_who_waits(access, view, clock):
    grant = access.granted()
    said = "there is no connector c1"
    assert view("ann", lambda viewer: viewer.one(grant.id)).trouble == said
    assert view("ann", lambda viewer: viewer.troubles([grant])) == {grant.id: said}
    with access.store.write() as transaction:
        given = requests.change_grant(transaction, grant, state="active", activated_at=clock.now())
    assert view("ann", lambda viewer: viewer.one(grant.id)).trouble is None
    assert view("ann", lambda viewer: viewer.troubles([given])) == {}


def test_a_flow_that_is_gone_leaves_requests_to_be_seen(access, view):
    asked = access.ask()
    access.delete("AccessFlow", "oncall")
    seen = view("ann", lambda viewer: viewer.one(asked.id))
    assert (seen.needed, seen.can) == ([], ["cancel", "plan"])
    found, after = view(
        "dora", lambda viewer: viewer.requests(Search(), to_decide=True, after=None, limit=9)
    )
    assert (found, after) == ([], None)


def test_auditors_see_all_and_end_nothing(access, view):
    access.add("aud", directory.AUDITORS)
    grant = access.granted()
    assert view("aud", lambda viewer: viewer.one(grant.id)).can == []
    search = GrantSearch(("pending",))
    found, _ = view("aud", lambda viewer: viewer.grants(search, after=None, limit=9))
    assert [each.id for each in found] == [grant.id]


def test_offers_are_for_who_may_ask(access):
    with access.store.read() as connection:

        def offered(name, service=None):
            user = directory.get(connection, name)
            return [aim.service for aim, _ in viewing.offers(connection, user, service)]

        assert (offered("ann"), offered("ann", "other"), offered("dora")) == (["shop"], [], [])


def test_what_is_in_a_bundle_is_seen_as_it_is_now(access, view):
    asked = access.ask()
    reading = ObjectRights("shop", "table", "public", "*", ("SELECT",))

    def look(viewer):
        return viewer.one(asked.id).inside

    assert view("dora", look) == {"shop-reading": Rights(objects=frozenset({reading}))}
    access.delete("RoleBundle", "shop-reading")
    assert view("dora", look) == {"shop-reading": Rights()}
