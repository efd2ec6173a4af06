import pytest

from pgward.access.tags import TagRule
from pgward.ca.catalog import standing
from pgward.ca.catalog.searching import Tagging
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.core.errors import DeniedError
from tests.fixtures.integrations import declare


def test_tags_are_read_from_an_integration():
    spec = {
        "tags": {"env": "prod"},
        "objectTags": [
            {"database": "shop", "tags": {"a": "1"}},
            {"database": "shop", "schema": "billing", "table": "card*", "tags": {"b": "2"}},
        ],
    }
    rules = (
        TagRule("shop", tags={"a": "1"}),
        TagRule("shop", "billing", "card*", {"b": "2"}),
    )
    assert standing.tagging(spec) == Tagging({"env": "prod"}, rules)
    assert standing.tagging({}) == Tagging()


@pytest.mark.usefixtures("edge")
def test_only_the_connector_of_an_integration_may_tell_of_it(api, admin):
    declare(admin)
    declare(admin, "other", edge="e2")
    declare(admin, "apart", edge=None, connector="e1")
    with api.store.read() as connection:
        machine = machines.find(connection, Kind.EDGE, "e1")
        standing.check_serves(connection, machine, "shop-db")
        for name in ("other", "apart", "none"):
            with pytest.raises(DeniedError, match="no such integration"):
                standing.check_serves(connection, machine, name)
