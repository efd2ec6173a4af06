import pytest

from pgward.ca.acme import accounts, jwk
from pgward.ca.acme.states import Account as State
from pgward.core.errors import NotFoundError
from pgward.pki import keys
from tests.fixtures.acme_client import jwk_of
from tests.fixtures.authority import START


def _key():
    return jwk.read(jwk_of(keys.generate()))


def _create(store, key):
    with store.write() as transaction:
        return accounts.create(transaction, key, (), None, now=START, client="192.0.2.1")


def test_an_account_is_found_by_its_id_and_by_its_key(store):
    key = _key()
    made = _create(store, key)
    with store.read() as connection:
        assert accounts.find(connection, made.id) == made
        assert accounts.find_by_key(connection, key) == made
        assert accounts.find_by_key(connection, _key()) is None
        assert accounts.every(connection) == [made]
        with pytest.raises(NotFoundError):
            accounts.get(connection, "absent")
    assert (made.status, made.actor) == (State.VALID, f"acme:{made.id}")


def test_an_account_changes_what_is_given_and_nothing_else(store):
    made, other = _create(store, _key()), _key()
    with store.write() as transaction:
        assert accounts.update(transaction, made.id) == made
        contacted = accounts.update(transaction, made.id, contact=("mailto:a@b.c",))
        assert (contacted.contact, contacted.status) == (("mailto:a@b.c",), State.VALID)
        changed = accounts.update(transaction, made.id, key=other, status=State.DEACTIVATED)
    assert (changed.key, changed.status, changed.contact) == (
        other,
        State.DEACTIVATED,
        ("mailto:a@b.c",),
    )
