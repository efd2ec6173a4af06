import pytest

from pgward.access.flows import Asked
from pgward.access.people import People
from pgward.ca.access import declared
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.access_world import BUNDLE, SERVICE, on


def test_a_service_and_its_server(access):
    access.put("Service", "plain", SERVICE, integration=None, labels=None)
    access.put("Service", "early", SERVICE, integration="not-there")
    with access.store.read() as connection:
        aim = declared.target(connection, "shop")
        assert (aim.labels, aim.integration) == ({"env": "prod"}, "shop-db")
        assert aim.spec.user == "pgward_connector"
        assert [(each.service, each.integration) for each in declared.targets(connection)] == [
            ("early", None),
            ("plain", None),
            ("shop", "shop-db"),
        ]
        assert declared.target(connection, "early").spec is None
        with pytest.raises(NotFoundError):
            declared.target(connection, "none")


def test_flows_are_as_they_are_now(access):
    with access.store.read() as connection:
        assert [each.name for each in declared.flows(connection)] == ["oncall"]
        assert declared.flow(connection, "oncall").version == 1
        assert declared.flow(connection, "none") is None
    access.flow(maxDuration="9h")
    with access.store.read() as connection:
        assert declared.flow(connection, "oncall").version == 2


def test_bundles_must_be_there_and_for_the_server(access):
    with access.store.read() as connection:
        assert declared.bundles(connection, [BUNDLE, "none"]).keys() == {BUNDLE}
        declared.check_bundles(connection, [BUNDLE], "shop-db")
        for names, integration in (([BUNDLE], "other"), (["none"], "shop-db")):
            with pytest.raises(ConflictError, match="not for this server"):
                declared.check_bundles(connection, names, integration)


def test_owners_are_groups_or_people_or_nobody(access):
    with access.store.read() as connection:
        aim = declared.target(connection, "shop")

        def owners(asked):
            return declared.owners(connection, aim, asked)

        shop, bea = People.of(groups=["team-shop"]), People.of(["bea"])
        assert owners(on()) == [shop]
        assert owners(on("shop", "billing", "t")) == [bea]
        assert owners(on("shop", "*", "t")) == [bea, shop]
        # A bundle is what is in it.
        assert owners(Asked(frozenset({BUNDLE}))) == [shop]
    access.put("Service", "plain", SERVICE, integration=None)
    with access.store.read() as connection:
        aim = declared.target(connection, "plain")
        assert declared.owners(connection, aim, on()) == [People()]
