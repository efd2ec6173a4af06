import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca import store as stores
from pgward.ca.store import log
from pgward.ca.store.log import LogEntry, TreeState
from pgward.ca.store.schema_log import log_leaves, log_nodes, log_tree
from pgward.core.errors import UnavailableError
from pgward.pki import merkle
from pgward.pki.log_entry import EntryType
from pgward.pki.merkle import MerkleError


def entries(count: int, start: int = 0) -> list[LogEntry]:
    numbers = range(start, start + count)
    return [LogEntry(EntryType.CERTIFICATE, f"{each:x}", b"entry %d" % each) for each in numbers]


def hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(entry.encoded) for entry in entries(count)]


def append(store, *batches: int) -> list[int]:
    firsts, total = [], 0
    for count in batches:
        with store.write() as transaction:
            firsts.append(log.append(transaction, entries(count, total)))
        total += count
    return firsts


def test_a_new_log_is_empty(store):
    with store.read() as connection:
        assert log.state(connection) == TreeState(0, merkle.EMPTY_ROOT)


def test_batches_follow_each_other_without_a_gap(store):
    assert append(store, 3, 1, 0, 50) == [0, 3, 4, 4]
    with store.read() as connection:
        assert log.state(connection) == TreeState(54, merkle.root_of(hashes(54)))
        stored = connection.execute(sa.select(log_leaves.c.log_index)).scalars()
        assert sorted(stored) == list(range(54))


def add_and_fail(transaction):
    log.append(transaction, entries(7))
    raise UnavailableError("no more")


def test_nothing_of_a_transaction_that_fails_is_left(store):
    append(store, 5)
    with pytest.raises(UnavailableError), store.write() as transaction:
        add_and_fail(transaction)
    with store.read() as connection:
        assert log.state(connection).size == 5
        assert connection.execute(sa.select(sa.func.count(log_leaves.c.hash))).scalar() == 5


def test_what_the_store_holds_of_a_leaf(store):
    kept = LogEntry(EntryType.REVOCATION, "ab", b"body", keeps_body=True)
    with store.write() as transaction:
        log.append(transaction, [kept, LogEntry(EntryType.CERTIFICATE, "cd", b"other")])
        rows = transaction.execute(sa.select(log_leaves).order_by("log_index")).all()
    assert rows == [
        (0, 2, "ab", merkle.leaf_hash(b"body"), b"body"),
        (1, 1, "cd", merkle.leaf_hash(b"other"), None),
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    made = stores.create(f"sqlite:///{tmp_path_factory.mktemp('log') / 'ca.db'}")
    append(made, *range(1, 40))
    yield made
    made.close()


SIZE = sum(range(1, 40))


@given(st.data())
def test_every_proof_holds(large, data):
    second = data.draw(st.integers(1, SIZE))
    first = data.draw(st.integers(1, second))
    with large.read() as connection:
        roots = [log.root_at(connection, each) for each in (first, second)]
        proof = log.consistency(connection, first, second)
        included = log.inclusion(connection, [first - 1], second)[0]
    leaves = hashes(second)
    assert roots == [merkle.root_of(leaves[:first]), merkle.root_of(leaves)]
    merkle.check_consistency(first, roots[0], second, roots[1], proof)
    merkle.check_inclusion(leaves[first - 1], first - 1, second, included, roots[1])


def test_few_nodes_are_stored_and_few_are_read(store):
    append(store, 5000)
    read = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *args: read.append(args[2]))
    with store.read() as connection:
        assert (
            connection.execute(sa.select(sa.func.count(log_nodes.c.hash))).scalar() == 312 + 19 + 1
        )
        read.clear()
        log.inclusion(connection, [1234], 5000)
    # The tree's size, and one statement for each level that is needed, of 4.
    assert len(read) == 4


def test_there_is_no_proof_about_a_log_that_is_yet_to_come(store):
    append(store, 5)
    with store.read() as connection:
        for ask in (
            lambda: log.inclusion(connection, [0], 6),
            lambda: log.consistency(connection, 2, 6),
            lambda: log.root_at(connection, 6),
        ):
            with pytest.raises(MerkleError, match="no 6 leaves yet"):
                ask()
        assert log.root_at(connection, 0) == merkle.EMPTY_ROOT


def test_a_log_without_its_state_says_that_it_is_damaged(store):
    with store.write() as transaction:
        transaction.execute(sa.delete(log_tree))
    with pytest.raises(UnavailableError, match="damaged: its size is missing"):
        append(store, 1)


def test_a_cut_state_says_that_it_is_damaged(store):
    append(store, 3)
    with store.write() as transaction:
        transaction.execute(sa.update(log_tree).values(subtrees=b"short"))
    with pytest.raises(UnavailableError, match="damaged: the subtrees' hashes are cut short"):
        append(store, 1)


def test_a_missing_leaf_is_named_where_a_proof_needs_it(store):
    append(store, 3)
    with store.write() as transaction:
        transaction.execute(sa.delete(log_leaves).where(log_leaves.c.log_index == 1))
        with pytest.raises(UnavailableError, match="leaf 1 is missing"):
            log.inclusion(transaction.connection, [0], 3)


def test_many_proofs_at_once_are_those_of_each(large):
    wanted = list(range(0, SIZE, 2))
    with large.read() as connection:
        together = log.inclusion(connection, wanted, SIZE)
        assert together == [log.inclusion(connection, [each], SIZE)[0] for each in wanted]
