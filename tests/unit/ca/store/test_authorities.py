from dataclasses import replace

import pytest

from pgward.ca.generations import State
from pgward.ca.records import CaName
from pgward.ca.standing import Standing
from pgward.ca.store import authorities as stored
from tests.fixtures.authority import START


@pytest.fixture
def known(hierarchies, store):
    found = Standing.of(hierarchies).generations
    root = found.current(CaName.USER_ROOT)
    second = replace(root, id="user-root-2", state=State.NEXT, cross=(root.certificate,) * 2)
    with store.write() as transaction:
        stored.add(transaction, [*found.all, second])
    return found


def read(store):
    with store.read() as connection:
        return stored.read(connection)


def test_what_was_stored_is_read(known, store):
    found = read(store)
    assert found.get("user-root") == known.get("user-root")
    root = known.get("user-root").certificate
    assert found.get("user-root-2").cross == (root, root)
    assert found.get("user-root-2").state is State.NEXT


@pytest.mark.usefixtures("known")
def test_a_state_changes_and_edges_hear_of_it(store):
    before = store.version()
    with store.write() as transaction:
        stored.set_state(transaction, "user-root", State.RETIRED, now=START, crl_until=START)
    found = read(store).get("user-root")
    assert (found.state, found.retired_at, found.crl_until) == (State.RETIRED, START, START)
    assert store.version() > before
    with store.write() as transaction:
        stored.set_state(transaction, "user-root", State.PREVIOUS, now=START)
    found = read(store).get("user-root")
    assert (found.state, found.retired_at, found.crl_until) == (State.PREVIOUS, None, None)
