from datetime import timedelta

import sqlalchemy as sa

from pgward.ca.access import live
from pgward.ca.access.live import LiveGrant
from pgward.ca.store.schema_access import access_grants


def test_only_what_is_active_and_not_over_is_live(store, clock, grant):
    grant(1)
    for number, values in enumerate(
        [
            {"state": "pending"},
            {"state": "ending"},
            {"state": "ended"},
            {"ends_at": clock.now()},
        ],
        2,
    ):
        grant(number, **values)
    with store.read() as connection:
        found = list(live.every(connection, clock.now()))
    until = clock.now() + timedelta(hours=1)
    assert found == [LiveGrant("g1", "ann", "shop", "shop-db", "ann", until, ("reading",))]


def test_they_come_by_service_and_person(store, clock, grant):
    grant(1, user_name="bob", service="shop")
    grant(2, user_name="ann", service="wiki", integration=None, role=None)
    grant(3, user_name="ann", service="shop")
    with store.read() as connection:
        found = [each.id for each in live.every(connection, clock.now())]
        anns = [each.id for each in live.of_person(connection, "ann", clock.now())]
        there = [each.id for each in live.of_integrations(connection, ["shop-db"], clock.now())]
    assert (found, anns, there) == (["g3", "g1", "g2"], ["g3", "g2"], ["g3", "g1"])


def test_those_of_some_services_are_found(store, clock, grant):
    grant(1, service="shop")
    grant(2, service="wiki")
    grant(3, service="mail")
    with store.read() as connection:
        found = [each.id for each in live.of_services(connection, ["wiki", "shop"], clock.now())]
    assert found == ["g1", "g2"]


def test_every_change_is_found_by_the_version_that_it_was_made_to(store, grant):
    def changed(since):
        with store.read() as connection:
            return live.changed_services(connection, since)

    grant(1, service="shop")
    grant(2, service="wiki")
    grant(3, service="desk", state="pending")
    assert changed(0) == {"shop": False, "wiki": False}
    with store.write() as transaction:
        transaction.changed()
    version = store.version()
    assert changed(version) == {}
    with store.write() as transaction:
        ending = sa.update(access_grants).where(access_grants.c.id == "g2").values(state="ending")
        transaction.execute(ending)
    assert changed(version) == {"wiki": True}
