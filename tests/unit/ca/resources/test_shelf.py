from datetime import timedelta

import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.resources import shelf
from pgward.core.errors import NotFoundError
from tests.fixtures.authority import START


@pytest.fixture
def people(store):
    with store.write() as transaction:
        for name, groups in (("Ann", ("dba", "dev")), ("bob", ("dba",))):
            until = START + timedelta(days=1) if name == "bob" else None
            new = NewUser(name, groups=groups, valid_until=until)
            directory.add(transaction, new, now=START, by="root")
        yield transaction.connection


def test_people_and_groups_are_resources(people):
    ann = shelf.get(people, "User", "ann")
    assert ann.to_json() == {
        "kind": "User",
        "metadata": {
            "name": "Ann",
            "description": "",
            "version": ann.version,
            "createdAt": "2026-11-21T12:00:00Z",
            "createdBy": "root",
        },
        "spec": {"fullName": "", "email": "", "groups": ["dba", "dev"]},
    }
    assert [each.name for each in shelf.every(people, "User")] == ["Ann", "bob"]
    assert shelf.get(people, "User", "bob").spec["validUntil"] == "2026-11-22T12:00:00Z"
    groups = shelf.every(people, "Group")
    assert [(each.name, each.spec["members"]) for each in groups] == [
        ("dba", ["Ann", "bob"]),
        ("dev", ["Ann"]),
    ]
    assert "createdBy" not in groups[0].to_json()["metadata"]
    assert shelf.find(people, "Group", "dba") == groups[0]


def test_what_is_not_there_is_not_found(people):
    for kind in ("User", "Group", "Service"):
        with pytest.raises(NotFoundError, match=f"there is no {kind} 'none'"):
            shelf.get(people, kind, "none")


def test_a_fingerprint_changes_with_what_it_is_of():
    first = shelf.fingerprint({"a": 1, "b": [2]})
    assert first == shelf.fingerprint({"b": [2], "a": 1})
    assert first != shelf.fingerprint({"a": 1, "b": [3]})
    assert 0 < first < 10**9
