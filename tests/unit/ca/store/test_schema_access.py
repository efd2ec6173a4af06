from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_access import (
    access_decisions,
    access_grants,
    access_plans,
    access_reports,
    access_requests,
    integration_checks,
)


def test_they_are_among_the_tables_of_the_store():
    mine = {access_requests, access_decisions, access_grants, access_plans, access_reports}
    mine |= {integration_checks}
    assert mine <= set(tables.every())
    assert access_grants.metadata is metadata
