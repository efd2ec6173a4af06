import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import service

BY = {"now": START, "by": "root"}


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


def _put(writing, body, by="root"):
    return resources.put(writing, kinds.read("Service", body), now=START, by=by)


def _versioned(version, **spec):
    body = service(**spec)
    return body | {"metadata": body["metadata"] | {"version": version}}


def test_putting_creates_updates_or_changes_nothing(writing):
    first, change = _put(writing, service())
    assert (change, first.version) == ("created", 1)
    assert _put(writing, service()) == (first, "unchanged")
    second, change = _put(writing, service(database="x"), by="alice")
    assert (change, second.version, second.created_by, second.updated_by) == (
        "updated",
        2,
        "root",
        "alice",
    )


def test_what_is_shown_can_be_put_again(writing):
    found, _ = _put(writing, service(limits={"maxConnections": 5}))
    assert _put(writing, found.to_json())[1] == "unchanged"
    assert found.to_json()["spec"]["limits"] == {"maxConnections": 5}


def test_a_version_guards_against_overwriting(writing):
    with pytest.raises(ConflictError, match="was deleted since version 1"):
        _put(writing, _versioned(1))
    _put(writing, service())
    _put(writing, _versioned(1, database="x"))
    with pytest.raises(ConflictError, match="it has version 2, not 1"):
        _put(writing, _versioned(1, database="y"))


def test_resources_are_listed_and_deleted(writing):
    _put(writing, service("b"))
    _put(writing, service("a"))
    assert [each.name for each in resources.every(writing.connection, "Service")] == ["a", "b"]
    assert [spec.mode for _, spec in resources.services(writing.connection)] == ["tcp", "tcp"]
    with pytest.raises(ConflictError):
        resources.delete(writing, "Service", "a", version=9, **BY)
    resources.delete(writing, "Service", "a", version=1, **BY)
    with pytest.raises(NotFoundError):
        resources.delete(writing, "Service", "a", **BY)


def test_edges_learn_of_changes_only(writing):
    _put(writing, service())
    assert writing.has_changed
    writing.has_changed = False
    _put(writing, service())
    assert not writing.has_changed


def test_the_hint_names_the_kind_as_the_command_takes_it(writing):
    for kind in kinds.KINDS:
        with pytest.raises(NotFoundError) as caught:
            resources.get(writing, kind, "none")
        word = str(caught.value.hint).removeprefix("pgward get ")
        assert kinds.canonical(word) == kind


def test_several_are_found_at_once(writing):
    for name in ("orders", "billing", "other"):
        _put(writing, service(name))
    names = ("orders", "billing", "none")
    found = resources.several(writing.connection, "Service", names)
    assert [each.name for each in found] == ["billing", "orders"]
    assert found[1] == resources.find(writing.connection, "Service", "orders")
    assert resources.several(writing.connection, "Service", ()) == []


def test_a_service_that_was_changed_is_read_anew(writing):
    _put(writing, service())
    ((_, before),) = resources.services(writing.connection)
    changed = {**service()["spec"], "labels": {"env": "prod"}}
    _put(writing, {**service(), "spec": changed})
    ((_, after),) = resources.services(writing.connection)
    assert (before.labels or {}, after.labels) == ({}, {"env": "prod"})
