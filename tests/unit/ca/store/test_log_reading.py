from pgward.ca.store import log_reading
from pgward.pki import log_entry, merkle
from pgward.pki.log_entry import CertificateEntry, RevocationEntry


def test_each_leaf_has_the_bytes_that_it_is_the_hash_of(ledger):
    with ledger.store.read() as connection:
        found = log_reading.leaves(connection, 0, 100)
    assert [leaf.log_index for leaf in found] == list(range(21))
    assert all(merkle.leaf_hash(leaf.encoded) == leaf.hash for leaf in found)
    entries = [log_entry.decode(leaf.encoded) for leaf in found]
    assert [type(each) for each in entries] == [CertificateEntry] * 20 + [RevocationEntry]
    assert entries[20].serial == found[20].serial == ledger.serials[3]


def test_a_persons_own_leaves(ledger):
    with ledger.store.read() as connection:
        of_person = log_reading.of_person
        assert [x.log_index for x in of_person(connection, "alice", 5, 21, 3)] == [5, 6, 7]
        assert [x.log_index for x in of_person(connection, "alice", 18, 19, 9)] == [18]
        assert of_person(connection, "bob", 0, 21, 9) == []


def test_leaves_by_their_places(ledger):
    with ledger.store.read() as connection:
        assert [leaf.log_index for leaf in log_reading.at(connection, [20, 3])] == [3, 20]


def test_a_leaf_whose_row_is_gone_has_its_hash_only(ledger):
    before = ledger.row(5)
    ledger.alter(5, log_index=None)
    with ledger.store.read() as connection:
        (leaf,) = log_reading.at(connection, [5])
    assert (leaf.encoded, leaf.serial) == (None, before["serial"])
