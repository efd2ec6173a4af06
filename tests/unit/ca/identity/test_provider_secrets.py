import pytest
import sqlalchemy as sa

from pgward.ca.identity import provider_secrets
from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.store.schema_login import provider_secrets as table
from tests.fixtures.authority import START

SEALER = Sealer(b"s" * 32)


def put(store, name: str, secret: str) -> None:
    with store.write() as transaction:
        provider_secrets.store(transaction, SEALER, name, secret, now=START, by="root")


def test_a_secret_is_kept_sealed_and_replaced(store) -> None:
    put(store, "corp", "first")
    put(store, "corp", "sécret")
    with store.read() as connection:
        assert provider_secrets.find(connection, SEALER, "corp") == "sécret"
        assert provider_secrets.changed_at(connection, "corp") == START
        sealed = connection.execute(sa.select(table.c.sealed)).scalar_one()
    assert "sécret".encode() not in sealed


def test_a_secret_is_one_providers_only(store) -> None:
    put(store, "corp", "first")
    with store.write() as transaction:
        transaction.execute(sa.update(table).values(name="evil"))
    with store.read() as connection, pytest.raises(SealError):
        provider_secrets.find(connection, SEALER, "evil")


def test_a_secret_is_forgotten(store) -> None:
    put(store, "corp", "first")
    with store.write() as transaction:
        provider_secrets.remove(transaction, "corp")
        provider_secrets.remove(transaction, "corp")
    with store.read() as connection:
        assert provider_secrets.find(connection, SEALER, "corp") is None
        assert provider_secrets.changed_at(connection, "corp") is None
