import pytest

from pgward.ca.records import CaName
from pgward.ca.rotation import rotations
from pgward.ca.rotation.phases import Phase
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START


def begin(store, name="user-root-2", target=CaName.USER_ROOT):
    with store.write() as transaction:
        return rotations.add(
            transaction,
            name,
            target,
            old=("user-root", "user-issuing"),
            new=("user-root-2", "user-issuing-2"),
            now=START,
            by="root",
        )


def test_a_rotation_begins_with_trust(store):
    made = begin(store)
    assert (made.phase, made.hierarchy, made.ended_at) == (Phase.TRUST_BOTH, "user", None)
    assert (made.old_issuing, made.new_issuing) == ("user-issuing", "user-issuing-2")
    assert made.version <= store.version()
    with store.read() as connection:
        assert rotations.under_way(connection) == rotations.every(connection) == [made]
        assert rotations.get(connection, "user-root-2") == made


def test_each_phase_goes_into_the_history(store):
    made = begin(store)
    with store.write() as transaction:
        rotations.enter(transaction, made, Phase.ISSUE_NEW, now=START, by="root")
        made = rotations.get(transaction.connection, made.id)
        over = rotations.enter(transaction, made, Phase.DONE, now=START, by="root", revoked=3)
    assert over.ended_at == START
    assert [(each["phase"], each["by"]) for each in over.history] == [
        ("trust-both", "root"),
        ("issue-new", "root"),
        ("done", "root"),
    ]
    assert over.history[-1]["revoked"] == 3
    with store.read() as connection:
        assert rotations.under_way(connection) == []


def test_one_at_a_time_for_a_hierarchy(store):
    begin(store)
    with store.read() as connection:
        with pytest.raises(ConflictError, match="is under way, in phase trust-both"):
            rotations.check_none_under_way(connection, CaName.USER_ISSUING)
        rotations.check_none_under_way(connection, CaName.SERVER_ISSUING)


def test_a_rotation_that_is_not_there(store):
    with store.read() as connection, pytest.raises(NotFoundError, match="no rotation 'x'"):
        rotations.get(connection, "x")
