import pytest
import sqlalchemy as sa

from pgward.ca.notices.dividing import divide
from pgward.ca.notices.links import digest
from pgward.ca.notices.notice import Facts
from pgward.ca.notices.stored import StoredRequests
from pgward.ca.store.schema_notices import notices
from pgward.core.errors import ConflictError, DeniedError
from tests.fixtures.access_world import BUNDLE


def test_a_request_is_what_the_message_said(access, store):
    asked = access.ask()
    with store.read() as connection:
        found = StoredRequests().get(connection, asked.id)
        told = sa.select(notices.c.facts).where(notices.c.kind == "asked")
        kept = Facts.read(connection.execute(told).scalar_one())
    assert (found.state, found.version) == ("pending", 1)
    assert found.inside == {BUNDLE: ("SELECT on table shop.public.*",)}
    assert digest(asked.id, found.facts) == digest(asked.id, kept)


def decide(store, clock, asked, by, *, approve=True):
    stored = StoredRequests()
    with store.write() as transaction:
        found = stored.get(transaction.connection, asked.id)
        return stored.decide(transaction, found, by, approve=approve, reason="so", now=clock.now())


@pytest.mark.parametrize(("approve", "state"), [(True, "approved"), (False, "denied")])
def test_it_is_decided_as_everywhere(access, store, clock, approve, state):
    asked = access.ask()
    assert decide(store, clock, asked, "dora", approve=approve) == state
    with pytest.raises(ConflictError):
        decide(store, clock, asked, "dirk")


def test_nobody_decides_about_their_own(access, store, clock):
    asked = access.ask("dirk")
    with pytest.raises(DeniedError, match="their own request"):
        decide(store, clock, asked, "dirk")


def test_who_has_to_decide_is_told(access, store, clock):
    access.ask()
    assert divide(store, [], clock.now(), write=store.write) == 1
