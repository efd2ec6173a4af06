import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.resources import existing
from pgward.ca.resources.references import Reference
from pgward.ca.secrets import kept
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER


@pytest.fixture
def connection(store):
    with store.write() as transaction:
        directory.add(transaction, NewUser("ann", groups=["dba"]), now=START, by="root")
        kept.create(transaction, SEALER, "db", b"x", now=START, by="root")
        yield transaction.connection


@pytest.mark.parametrize(("kind", "name"), [("User", "ann"), ("Group", "dba"), ("Secret", "db")])
def test_what_is_there_exists(connection, kind, name):
    assert existing.exists(connection, Reference(kind, name, "spec.x"))
    assert not existing.exists(connection, Reference(kind, "none", "spec.x"))


def test_what_is_named_and_missing_is_told_once(connection):
    spec = {
        "connector": "c1",
        "bundles": ["b", "b"],
        "who": {"users": ["ann"], "groups": ["none"]},
        "approvals": [{"groups": ["none", "dba"]}],
    }
    assert existing.missing(connection, spec) == [
        "there is no connector 'c1' yet",
        "there is no rolebundle 'b' yet",
        "there is no group 'none' yet",
    ]
