import pytest
import sqlalchemy as sa

from pgward.ca.access import healths
from pgward.ca.access.healths import Health
from pgward.ca.store.schema_access import access_reports
from tests.fixtures.authority import START


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"state": "ok", "problem": None, "server_version": 160014}, ("ok", None, 160014)),
        ({"state": "x" * 30, "problem": "p" * 2000}, ("x" * 20, "p" * 1000, None)),
        ({"state": {}, "problem": 5, "server_version": True}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_what_a_connector_says_of_itself_is_read_with_care(store, told, read):
    row = {"connector": "connector:c1", "version": 1, "health": told, "told_at": START}
    with store.write() as transaction:
        for name in ("shop-db", "other"):
            transaction.execute(sa.insert(access_reports).values({**row, "integration": name}))
        found = healths.every(transaction.connection, ["shop-db", "none"])
    assert found == {"shop-db": Health("shop-db", "connector:c1", START, *read)}
