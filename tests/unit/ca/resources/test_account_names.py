import pytest

from pgward.ca.resources import account_names, kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError
from tests.fixtures.authority import START

SPEC = {
    "connector": "c1",
    "host": "db1",
    "user": "pgward_connector",
    "auth": {"certificate": {"minutes": 5}},
}


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        for name, spec in (
            ("shop-db", SPEC),
            ("by-password", SPEC | {"user": "other", "auth": {"none": True}}),
        ):
            body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
            read = kinds.read("Integration", body)
            resources.put(transaction, read, now=START, by="t")
        yield transaction


def test_a_person_has_no_name_in_which_a_connector_gets_certificates(writing):
    connection = writing.connection
    with pytest.raises(ConflictError, match="'shop-db' logs in as 'PGWARD_connector'"):
        account_names.check_person(connection, "PGWARD_connector")
    account_names.check_person(connection, "other")


def test_two_connectors_have_no_name_in_common(writing):
    connection = writing.connection
    account_names.check_account(connection, "shop-db", SPEC | {"connector": "c2"})  # moved
    account_names.check_account(connection, "second-db", SPEC)
    account_names.check_account(connection, "second-db", SPEC | {"connector": "c2", "user": "u"})
    for other in ({"connector": "c2"}, {"connector": None, "edge": "c1"}):
        with pytest.raises(ConflictError, match="'pgward_connector' is also the account"):
            account_names.check_account(connection, "second-db", SPEC | other)
