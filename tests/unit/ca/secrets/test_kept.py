import pytest
import sqlalchemy as sa

from pgward.ca.keys.sealing import SealError
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.secrets import kept
from pgward.ca.secrets.kept import Listed, Opened
from pgward.ca.store.schema_secrets import secrets
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER, service
from tests.fixtures.edge_services import aware

BY = {"now": START, "by": "root"}


def apply(store, resource):
    with store.write() as transaction:
        resources.put(transaction, kinds.read(resource["kind"], resource), **BY)


def create(store, name="db", value=b"s3cret"):
    with store.write() as transaction:
        return kept.create(transaction, SEALER, name, value, **BY)


def read(store, name="db"):
    with store.read() as connection:
        return kept.read(connection, SEALER, name)


def test_a_secret_has_versions_and_the_newest_value_is_in_use(store):
    assert create(store) == 1
    with store.write() as transaction:
        assert kept.rotate(transaction, SEALER, "db", b"n\xffxt", now=START, by="dba") == 2
        assert transaction.has_changed
    assert read(store) == Opened("db", 2, b"n\xffxt")
    with store.read() as connection:
        assert kept.listing(connection) == [Listed("db", 2, (), START, "root", START, "dba")]
        assert kept.versions(connection, ["db", "none"]) == {"db": 2}


def test_names_are_given_once_and_are_labels(store):
    create(store)
    with pytest.raises(ConflictError, match="there is a secret 'db' already") as caught:
        create(store)
    assert caught.value.hint == "pgward secret rotate db"
    with pytest.raises(InvalidInputError, match="cannot be a secret's name"):
        create(store, "Not A Name")


@pytest.mark.parametrize("value", [b"", b"x" * (kept.MAX_BYTES + 1)])
def test_values_have_bounds(store, value):
    with pytest.raises(InvalidInputError, match=f"not {len(value)}$"):
        create(store, value=value)


def test_what_is_not_there_is_told_by_name(store):
    with pytest.raises(NotFoundError, match="there is no secret 'db'"):
        read(store)
    for act in (
        lambda it: kept.rotate(it, SEALER, "db", b"x", **BY),
        lambda it: kept.remove(it, "db"),
    ):
        with pytest.raises(NotFoundError), store.write() as transaction:
            act(transaction)


def test_one_that_services_refer_to_goes_only_by_force(store):
    create(store)
    inherited = {"reader": {"user": {"force": "reader"}}}
    apply(store, aware("orders"))
    apply(
        store,
        aware(
            "stock",
            "other",
            configs={"old": {"auth": {"password": {"fromSecret": "db"}}}, **inherited},
            rules=[{"match": "true", "config": "old"}, {"matchAny": True, "config": "reader"}],
        ),
    )
    with pytest.raises(ConflictError, match=r"in use: orders, stock$"), store.write() as it:
        kept.remove(it, "db")
    with store.read() as connection:
        assert [each.services for each in kept.listing(connection)] == [("orders", "stock")]
    with store.write() as transaction:
        assert kept.remove(transaction, "db", force=True) == ["orders", "stock"]
    with pytest.raises(NotFoundError):
        read(store)


def test_an_edge_serves_a_secret_when_its_services_refer_to_it(store):
    service = aware("orders")
    service["spec"]["edges"] = ["e1"]
    apply(store, service)
    with store.read() as connection:
        assert kept.served(connection, "e1", "db") == ["orders"]
        assert kept.served(connection, "e2", "db") == []
        assert kept.served(connection, "e1", "other") == []


def test_what_a_service_refers_to_and_is_not_there_is_noted(store):
    wanted = kinds.read("Service", aware("orders")).spec
    with store.read() as connection:
        assert kept.notes_about(connection, wanted) == [
            "there is no secret 'db' yet: pgward secret create db"
        ]
    create(store)
    plain = kinds.read("Service", service("plain")).spec
    with store.read() as connection:
        assert kept.notes_about(connection, wanted) == kept.notes_about(connection, plain) == []


def test_a_row_that_was_moved_does_not_open(store):
    create(store, "db", b"of db")
    create(store, "other", b"of other")
    with store.write() as transaction:
        mine = sa.select(secrets.c.wrapped, secrets.c.sealed).where(secrets.c.name == "db")
        row = transaction.execute(mine).mappings().one()
        transaction.execute(sa.update(secrets).where(secrets.c.name == "other").values(**row))
    with pytest.raises(SealError):
        read(store, "other")
    assert "of db" not in repr(read(store, "db"))


def test_nor_does_one_that_an_integration_refers_to(store):
    create(store)
    spec = {
        "connector": "c1",
        "host": "db1.internal",
        "user": "pgward_connector",
        "auth": {"password": {"fromSecret": "db"}},
    }
    apply(store, {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec})
    with (
        pytest.raises(ConflictError, match=r"in use: integration shop-db$"),
        store.write() as it,
    ):
        kept.remove(it, "db")
