from datetime import timedelta

import pytest

from pgward.access.people import Person
from pgward.ca.access import deciding
from pgward.ca.identity import directory
from pgward.core.errors import ConflictError, DeniedError, NotFoundError
from tests.fixtures.access_world import BUNDLE, on


def test_the_last_yes_makes_the_grant(access, clock):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    first = access.decide(asked.id, "dora")
    assert (first.state, first.version) == ("pending", 2)
    clock.move(minutes=5)
    assert access.decide(asked.id, "dirk").state == "approved"
    # The time runs from the last yes.
    assert access.grant(asked.id).ends_at == clock.now() + timedelta(hours=1)


def test_one_no_ends_it(access):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    access.decide(asked.id, "dora")
    assert access.decide(asked.id, "dirk", approve=False, reason="no").state == "denied"
    with pytest.raises(ConflictError, match="is denied already"):
        access.decide(asked.id, "dora", approve=False)


def test_of_two_who_decide_at_once_one_is_first(access):
    asked = access.ask()
    access.decide(asked.id, "dora", version=asked.version)
    with pytest.raises(ConflictError, match="is approved already"):
        access.decide(asked.id, "dirk", version=asked.version)


def test_who_looked_at_what_was_looks_again(access):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    access.decide(asked.id, "dora")
    with pytest.raises(ConflictError, match="has changed since you looked"):
        access.decide(asked.id, "dirk", version=asked.version)


@pytest.mark.parametrize(
    ("user", "by", "said"),
    [
        ("dirk", "dirk", "their own request"),
        ("dirk", "DIRK", "their own request"),
        ("ann", "olga", "not yours to decide"),
        ("ann", "adam", "not yours to decide"),
        ("ann", "nobody", "must be in the directory"),
    ],
)
def test_who_may_not_decide(access, user, by, said):
    asked = access.ask(user)
    with pytest.raises(DeniedError, match=said):
        access.decide(asked.id, by)


def test_nobody_counts_twice(access):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    access.decide(asked.id, "dora")
    with pytest.raises(ConflictError, match="you approved it already"):
        access.decide(asked.id, "dora")


def test_a_yes_of_who_left_meanwhile_does_not_count(access, store, clock):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    access.add("dan", "dba")
    asked = access.ask()
    access.decide(asked.id, "dora")
    with store.write() as transaction:
        directory.block(transaction, "dora", "left", now=clock.now())
    assert access.decide(asked.id, "dirk").state == "pending"
    assert access.decide(asked.id, "dan").state == "approved"


def test_nor_does_that_of_who_is_no_approver_any_more(access, store):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    access.add("dan", "dba")
    asked = access.ask()
    access.decide(asked.id, "dora")
    with store.write() as transaction:
        directory.change_groups(transaction, "dora", [])
    assert access.decide(asked.id, "dirk").state == "pending"


def test_nobody_decides_after_the_request_has_lapsed(access, clock):
    asked = access.ask()
    clock.move(hours=24)
    with pytest.raises(ConflictError, match="has lapsed"):
        access.decide(asked.id, "dora")


@pytest.mark.parametrize(
    "change",
    [
        {"bundles": None},
        {"services": ["other"]},
        {"who": {"groups": ["others"]}},
    ],
)
def test_a_flow_that_was_changed_meanwhile_gives_nothing(access, change):
    asked = access.ask()
    access.flow(**change)
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        access.decide(asked.id, "dora")
    assert access.request(asked.id).state == "pending"


def test_nor_does_one_that_is_gone(access):
    asked = access.ask()
    access.delete("AccessFlow", "oncall")
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        access.decide(asked.id, "dora")


def test_nor_is_there_a_bundle_that_is_gone(access):
    asked = access.ask()
    access.delete("RoleBundle", BUNDLE)
    with pytest.raises(ConflictError, match="not for this server any more"):
        access.decide(asked.id, "dora")


def test_who_was_blocked_meanwhile_gets_nothing(access, store, clock):
    asked = access.ask()
    with store.write() as transaction:
        directory.block(transaction, "ann", "left", now=clock.now())
    with pytest.raises(ConflictError, match="ann is blocked"):
        access.decide(asked.id, "dora")


def test_owners_decide_who_are_found_through_tags(access):
    access.flow(approvals=[{"resourceOwner": True}])
    billing = access.ask(asked=on("shop", "billing", "t"))
    with pytest.raises(DeniedError):
        access.decide(billing.id, "tess")
    assert access.decide(billing.id, "bea").state == "approved"
    assert access.decide(access.ask(asked=on()).id, "tess").state == "approved"


def test_all_owners_of_what_is_asked_for_decide(access):
    access.flow(approvals=[{"resourceOwner": True}])
    asked = access.ask(asked=on("shop", "*", "t"))
    assert access.decide(asked.id, "tess").state == "pending"
    assert access.decide(asked.id, "bea").state == "approved"


def test_the_servers_owner_decides(access):
    access.flow(approvals=[{"integrationOwner": True}])
    assert access.decide(access.ask().id, "olga").state == "approved"


def test_a_request_that_is_not_there(access):
    with pytest.raises(NotFoundError):
        access.decide("none", "dora")


def test_a_broken_glass_is_looked_at_by_others(access, store, clock):
    asked = access.ask("sam", break_glass=True)

    def acknowledge(by):
        with store.write() as transaction:
            return deciding.acknowledge(transaction, asked.id, by, now=clock.now())

    for by, said in (("sam", "what they did themselves"), ("ann", "not yours")):
        with pytest.raises(DeniedError, match=said):
            acknowledge(by)
    assert acknowledge("dora").acknowledged_by == "dora"
    with pytest.raises(ConflictError, match="dora has acknowledged it"):
        acknowledge("adam")


def test_for_whom_a_request_waits(access, store):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.decide(access.ask().id, "dora")
    dora, dirk = (Person(name, frozenset({"dba"})) for name in ("dora", "dirk"))
    with store.read() as connection:
        assert not deciding.is_for(connection, asked, dora)
        assert deciding.is_for(connection, asked, dirk)
        assert deciding.may_decide(connection, asked, dora)
