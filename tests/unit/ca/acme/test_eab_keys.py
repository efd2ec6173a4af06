from datetime import timedelta

import pytest

from pgward.ca.acme import eab_keys
from pgward.ca.acme.eab_keys import NewEabKey
from pgward.ca.acme.identifiers import Allowed
from pgward.ca.acme.problems import AcmeError
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.authority import START

NEW = NewEabKey("db1", Allowed(("db1.test",), ()), uses=2)


def _create(store, new=NEW):
    with store.write() as transaction:
        return eab_keys.create(transaction, new, now=START, by="root")


def _use(store, kid, now=START):
    with store.write() as transaction:
        eab_keys.use(transaction, kid, now)


def test_a_key_is_used_so_often_and_no_more(store):
    made = _create(store)
    _use(store, made.kid)
    _use(store, made.kid)
    with pytest.raises(AcmeError, match="is used up"):
        _use(store, made.kid)
    with store.read() as connection:
        assert [(key.name, key.used) for key in eab_keys.every(connection)] == [("db1", 2)]
        assert eab_keys.find(connection, None) is None


def test_a_key_expires(store):
    made = _create(store)
    assert made.state(START) == "usable"
    with pytest.raises(AcmeError, match="is expired"):
        _use(store, made.kid, START + timedelta(days=7))


def test_a_revoked_key_is_of_no_use(store):
    made = _create(store)
    with store.write() as transaction:
        assert eab_keys.revoke(transaction, "db1", START) == (made, [])
    with pytest.raises(AcmeError, match="is revoked"):
        _use(store, made.kid)
    with pytest.raises(NotFoundError), store.write() as transaction:
        eab_keys.revoke(transaction, "absent", START)


def test_an_unknown_key(store):
    with pytest.raises(AcmeError, match="is unknown"):
        _use(store, "absent")


def test_a_name_is_taken_once(store):
    _create(store)
    with pytest.raises(ConflictError):
        _create(store)


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (NewEabKey("a.b", Allowed(("x",), ())), "cannot be a key's name"),
        (NewEabKey("a", Allowed()), "names nothing"),
        (NewEabKey("a", Allowed(("x",), ()), uses=0), "uses must be"),
    ],
)
def test_wrong_keys_are_told(store, new, what):
    with pytest.raises(InvalidInputError, match=what):
        _create(store, new)
