from datetime import timedelta

from pgward.ca.resources import kinds
from pgward.ca.secrets import declared, kept
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER


def secret(**spec):
    return kinds.read("Secret", {"kind": "Secret", "metadata": {"name": "db"}, "spec": spec})


def test_a_value_that_is_missing_or_too_old_is_told(store):
    with store.write() as transaction:

        def told(days=0, **spec):
            now = START + timedelta(days=days)
            return declared.notes(transaction.connection, secret(**spec), now)

        assert told() == ["there is no secret 'db' yet: pgward secret create db"]
        kept.create(transaction, SEALER, "db", b"x", now=START, by="root")
        assert told(900) == told(90, maxAge="90d") == []
        old = "the value of 'db' is 91 days old: pgward secret rotate db"
        assert told(91, maxAge="90d") == [old]
        later = START + timedelta(days=91)
        kept.rotate(transaction, SEALER, "db", b"y", now=later, by="root")
        assert told(91, maxAge="90d") == []
