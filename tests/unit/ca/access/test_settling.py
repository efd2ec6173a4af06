from datetime import timedelta

import pytest

from pgward.access.flows import Asked
from pgward.ca.access import settling
from pgward.ca.identity import directory
from tests.fixtures.access_world import BUNDLE, BUNDLE_SPEC, INTEGRATION, SERVICE, on


@pytest.fixture
def settle(access, clock):
    settling.settle(access.store, clock.now())  # what made the world was noted, too
    return lambda: settling.settle(access.store, clock.now())


def state(access, grant):
    now = access.grant(grant.id)
    return now.state, now.end_reason


def test_where_nothing_is_due_nobody_writes(access, settle, monkeypatch):
    access.granted()
    monkeypatch.setattr(access.store, "write", None)
    assert settle() == 0


def test_a_grant_ends_when_its_time_is_over(access, settle, clock):
    access.flow(bundles=None, roles=None, privileges=None, approvals=[])
    grant = access.grant(access.ask(asked=Asked()).id)
    clock.move(seconds=3599)
    settle()
    assert state(access, grant) == ("active", None)
    clock.move(seconds=1)
    assert settle() == 1
    assert state(access, grant) == ("ended", "expired")


def test_what_was_never_there_has_failed(access, settle, clock):
    grant = access.granted()
    clock.move(hours=1)
    settle()
    assert state(access, grant) == ("ending", "failed")


def test_a_request_that_nobody_answers_lapses(access, settle, clock):
    asked = access.ask()
    clock.move(hours=24)
    settle()
    assert access.request(asked.id).state == "lapsed"


def test_who_is_blocked_loses_it(access, settle, clock):
    grant, other = access.granted(), access.granted("sam")
    with access.store.write() as transaction:
        directory.block(transaction, "ann", "left", now=clock.now())
    settle()
    assert (state(access, grant), state(access, other)) == (
        ("ending", "blocked"),
        ("pending", None),
    )


def test_who_is_removed_loses_it_and_nobody_inherits_it(access, settle):
    grant = access.granted()
    with access.store.write() as transaction:
        directory.remove(transaction, "ann")
    access.add("ann", "engineers")
    with access.store.write() as transaction:
        directory.remove(transaction, "ann")
    settle()
    assert state(access, grant) == ("ending", "removed")


def test_whose_account_ends_by_itself_loses_it(access, settle, clock):
    grant = access.granted()
    with access.store.write() as transaction:
        ann = directory.get(transaction.connection, "ann")
        dates = {"valid_until": clock.now() + timedelta(minutes=5)}
        directory.set_validity(transaction, ann, dates, now=clock.now())
    settle()
    assert state(access, grant) == ("pending", None)
    clock.move(minutes=5)
    settle()
    assert state(access, grant) == ("ending", "blocked")


def test_who_leaves_the_group_loses_it(access, settle):
    grant = access.granted()
    with access.store.write() as transaction:
        directory.change_groups(transaction, "ann", [])
    settle()
    assert state(access, grant) == ("ending", "removed")


@pytest.mark.parametrize(
    "change",
    [
        lambda access: access.delete("AccessFlow", "oncall"),
        lambda access: access.delete("Service", "shop"),
        lambda access: access.delete("Integration", "shop-db"),
        lambda access: access.delete("RoleBundle", BUNDLE),
        lambda access: access.flow(bundles=["other"]),
        lambda access: access.flow(services=["other"]),
        lambda access: access.flow(who={"users": ["dora"]}),
        lambda access: access.put("Service", "shop", SERVICE, integration=None),
        lambda access: access.put("RoleBundle", BUNDLE, BUNDLE_SPEC, integrations=["other"]),
        lambda access: access.put("Integration", "shop-db", INTEGRATION, roleName="jit_{user}"),
    ],
)
def test_what_gives_it_no_more_ends_it(access, settle, change):
    grant = access.granted()
    change(access)
    settle()
    assert state(access, grant) == ("ending", "removed")


@pytest.mark.parametrize(
    "change",
    [
        lambda access: access.flow(maxDuration="30m", approvals=[], reason="optional"),
        lambda access: access.put("RoleBundle", BUNDLE, BUNDLE_SPEC, roles=["reporting"]),
        lambda access: access.put("Service", "shop", SERVICE, database="shop"),
        lambda access: access.put("Integration", "shop-db", INTEGRATION, port=5433),
    ],
)
def test_what_still_gives_it_leaves_it(access, settle, change):
    grant = access.granted()
    change(access)
    settle()
    assert state(access, grant) == ("pending", None)


def test_a_broken_glass_rests_on_who_may_break_it(access, settle):
    grant = access.grant(access.ask("sam", break_glass=True).id)
    access.flow(who={"users": ["dora"]})
    settle()
    assert state(access, grant) == ("pending", None)
    access.flow(breakGlass=None)
    settle()
    assert state(access, grant) == ("ending", "removed")


def test_more_ends_than_fit_into_a_transaction_all_come(access, settle, clock, monkeypatch):
    monkeypatch.setattr(settling, "BATCH", 2)
    access.flow(approvals=[])
    made = [access.ask(asked=on("shop", "public", f"t{number}")) for number in range(5)]
    with access.store.write() as transaction:
        directory.block(transaction, "ann", "left", now=clock.now())
    settle()
    assert {access.grant(each.id).state for each in made} == {"ending"}
    assert settle() == 0
