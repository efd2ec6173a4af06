"""People who act at the same moment: on one CA, and on two that share a database.

Each pair of acts has one outcome, or one of two that are both right; there is nothing between.
"""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pgward.ca import store as stores
from pgward.ca.access import ending, requests, settling
from pgward.ca.access.requests import AccessRequest
from pgward.ca.identity import directory
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError, PgwardError
from tests.fixtures.access_world import FLOW, AccessWorld, furnished

ROUNDS = 3
Act = Callable[[], Any]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def cas(request: pytest.FixtureRequest, clock) -> Iterator[tuple[AccessWorld, AccessWorld]]:
    """Two CAs of one database; in SQLite it is one, in two threads."""
    if request.param == "sqlite":
        one = furnished(request.getfixturevalue("store"), clock)
        yield one, one
        return
    url = request.getfixturevalue("database_url")
    first = stores.create(url)
    second = stores.open_store(url)
    yield furnished(first, clock), AccessWorld(second, clock)
    second.close()
    first.close()


def at_once(*acts: Act) -> list[Any]:
    """Do all of them at the same moment; return what each came to, or the error that it met."""
    barrier = threading.Barrier(len(acts))
    found: list[Any] = [None] * len(acts)

    def act(number: int) -> None:
        barrier.wait(10)
        try:
            found[number] = acts[number]()
        except PgwardError as error:
            found[number] = error

    threads = [threading.Thread(target=act, args=(each,)) for each in range(len(acts))]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert None not in found
    return found


def conflicts(found: list[Any]) -> int:
    """Return how many came too late; nothing else may go wrong."""
    late = [each for each in found if isinstance(each, ConflictError)]
    assert all(isinstance(each, (AccessRequest, ConflictError, str)) for each in found), found
    return len(late)


def test_of_two_who_approve_one_gives_it_and_the_other_is_told(cas) -> None:
    one, other = cas
    for _ in range(ROUNDS):
        asked = one.ask()
        found = at_once(
            partial(one.decide, asked.id, "dora"), partial(other.decide, asked.id, "dirk")
        )
        assert conflicts(found) == 1
        decisions = said(one, asked.id)
        assert len(decisions) == 1
        assert one.grant(asked.id).state == "pending"


def test_where_two_are_needed_both_count_and_a_third_does_not(cas) -> None:
    one, other = cas
    one.flow(approvals=[{"groups": ["dba"], "count": 2}])
    one.add("dan", "dba")
    for _ in range(ROUNDS):
        asked = one.ask()
        found = at_once(
            partial(one.decide, asked.id, "dora"),
            partial(other.decide, asked.id, "dirk"),
            partial(one.decide, asked.id, "dan"),
        )
        assert conflicts(found) == 1
        assert len(said(one, asked.id)) == 2
        assert other.request(asked.id).state == "approved"


def test_who_approves_twice_at_once_is_counted_once(cas) -> None:
    one, other = cas
    one.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = one.ask()
    found = at_once(partial(one.decide, asked.id, "dora"), partial(other.decide, asked.id, "dora"))
    assert conflicts(found) == 1
    assert one.request(asked.id).state == "pending"


def test_a_yes_and_a_no_leave_what_the_first_said(cas) -> None:
    one, other = cas
    for _ in range(ROUNDS):
        asked = one.ask()
        found = at_once(
            partial(one.decide, asked.id, "dora"),
            partial(other.decide, asked.id, "dirk", approve=False),
        )
        assert conflicts(found) == 1
        state = one.request(asked.id).state
        assert (state, one.grant(asked.id) is not None) in [("approved", True), ("denied", False)]


def test_what_is_taken_back_while_somebody_approves_is_either(cas) -> None:
    """Approved first, what is taken back is a grant, which ends."""
    one, other = cas
    for _ in range(ROUNDS):
        asked = one.ask()
        at_once(partial(one.decide, asked.id, "dora"), partial(cancelled, other, asked.id))
        grant, state = one.grant(asked.id), one.request(asked.id).state
        if grant is None:
            assert state == "cancelled"
        else:
            assert (state, grant.state) == ("approved", "pending")


def test_an_approval_as_the_request_lapses_comes_too_late(cas, clock) -> None:
    one, other = cas
    asked = one.ask()
    clock.move(hours=24)
    found = at_once(
        partial(one.decide, asked.id, "dora"),
        lambda: str(settling.settle(other.store, clock.now())),
    )
    assert conflicts(found) == 1
    assert (one.request(asked.id).state, one.grant(asked.id)) == ("lapsed", None)


def test_an_approval_while_the_person_is_blocked_gives_nothing_that_lasts(cas, clock) -> None:
    one, other = cas
    asked = one.ask()
    at_once(partial(one.decide, asked.id, "dora"), lambda: blocked(other, "ann"))
    settling.settle(one.store, clock.now())
    grant = one.grant(asked.id)
    assert grant is None or (grant.state, grant.end_reason) == ("ending", "blocked")


def test_an_approval_while_the_flow_is_changed_gives_nothing_that_it_does_not(cas, clock) -> None:
    one, other = cas
    asked = one.ask()
    at_once(partial(one.decide, asked.id, "dora"), lambda: str(other.flow(bundles=["other"])))
    settling.settle(one.store, clock.now())
    grant = one.grant(asked.id)
    assert grant is None or (grant.state, grant.end_reason) == ("ending", "removed")


def test_of_two_who_edit_what_both_looked_at_one_is_refused(cas) -> None:
    one, other = cas
    for version in range(1, ROUNDS + 1):
        found = at_once(
            partial(edited, one, version, f"{version}h", "adam"),
            partial(edited, other, version, f"{version}d", "eve"),
        )
        assert conflicts(found) == 1
        (won,) = [each for each in found if isinstance(each, str)]
        (refused,) = [each for each in found if isinstance(each, ConflictError)]
        with one.store.read() as connection:
            now = resources.get(connection, "AccessFlow", "oncall")
        assert (now.version, now.spec["maxDuration"]) == (version + 1, won)
        assert {"h": "adam", "d": "eve"}[won[-1]] in str(refused)


def said(world: AccessWorld, request_id: str) -> list[Any]:
    with world.store.read() as connection:
        return requests.decisions(connection, request_id)


def cancelled(world: AccessWorld, request_id: str) -> str:
    with world.store.write() as transaction:
        request = requests.get(transaction.connection, request_id)
        ending.withdraw(transaction, request, "cancelled", by="ann", now=world.clock.now())
    return "cancelled"


def blocked(world: AccessWorld, name: str) -> str:
    with world.store.write() as transaction:
        directory.block(transaction, name, "left", now=world.clock.now())
    return "blocked"


def edited(world: AccessWorld, version: int, longest: str, by: str) -> str:
    metadata = {"name": "oncall", "version": version}
    spec = FLOW | {"maxDuration": longest, "extend": {"maxTotal": "30d"}}
    wanted = kinds.read("AccessFlow", {"kind": "AccessFlow", "metadata": metadata, "spec": spec})
    with world.store.write() as transaction:
        resources.put(transaction, wanted, now=world.clock.now(), by=by)
    return longest
