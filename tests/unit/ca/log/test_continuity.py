import json
import logging

import pytest
import sqlalchemy as sa

from pgward.ca.log import continuity
from pgward.ca.log.continuity import FILE, Continuity, LostEntriesError
from pgward.ca.store import audit, log
from pgward.ca.store.log import LogEntry
from pgward.ca.store.schema_log import log_leaves, log_nodes, log_tree
from pgward.core.errors import ConflictError, InvalidInputError, UnavailableError
from pgward.pki import merkle
from pgward.pki.log_entry import EntryType
from pgward.pki.merkle import CompactRange


def grow(store, *bodies):
    with store.write() as transaction:
        log.append(transaction, [LogEntry(EntryType.CERTIFICATE, "ab", each) for each in bodies])


def cut(store):
    """Let the log be as it was in the beginning."""
    with store.write() as transaction:
        for table in (log_leaves, log_nodes):
            transaction.execute(sa.delete(table))
        empty = {"size": 0, "subtrees": CompactRange().pack()}
        transaction.execute(sa.update(log_tree).values(**empty))


def vouched(store, seen):
    with store.read() as connection:
        seen.vouch(connection)


@pytest.fixture
def seen(store, tmp_path):
    """What was seen of a log of twenty entries."""
    grow(store, *(bytes([number]) for number in range(20)))
    made = Continuity(tmp_path)
    made.look(store)
    return made


def test_a_log_that_grew_goes_on(store, seen, tmp_path):
    vouched(store, seen)
    grow(store, b"more", b"and more")
    vouched(store, seen)
    seen.look(store)
    assert json.loads((tmp_path / FILE).read_text())["size"] == 22
    vouched(store, Continuity(tmp_path))


def test_whoever_saw_nothing_vouches_for_all(store, tmp_path):
    vouched(store, Continuity(tmp_path))


def test_a_log_that_was_cut_is_refused_by_who_begins_anew_as_well(store, seen, tmp_path):
    cut(store)
    grow(store, *(bytes([number]) for number in range(19)))
    for each in (seen, Continuity(tmp_path)):
        with pytest.raises(LostEntriesError, match="has seen 20, and it has 19") as caught:
            each.look(store)
        assert "(a standby that lacked the last transactions" in caught.value.hint
    assert json.loads((tmp_path / FILE).read_text())["size"] == 20


def test_other_entries_in_their_place_are_no_better(store, seen):
    cut(store)
    grow(store, *(bytes([number]) for number in range(19)), b"another", b"and one more")
    with pytest.raises(LostEntriesError, match="has seen 20, and others stand in their place"):
        vouched(store, seen)


def test_a_directory_that_cannot_be_written_costs_the_memory_only(
    store, seen, tmp_path, caplog, monkeypatch
):
    def full(path, _data):
        raise continuity.StorageError(f"cannot write {path}: no space left on device")

    monkeypatch.setattr(continuity.files, "atomic_write", full)
    caplog.set_level(logging.WARNING)
    for body in (b"one", b"two"):
        grow(store, body)
        seen.look(store)
    assert len(caplog.records) == 1
    assert "is in memory only" in caplog.text
    cut(store)
    with pytest.raises(LostEntriesError, match="has seen 22"):
        vouched(store, seen)
    assert json.loads((tmp_path / FILE).read_text())["size"] == 20


@pytest.mark.parametrize("text", ["", "[]", '{"size": 1}', '{"size": 1, "root": "abcd"}'])
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InvalidInputError, match=r"log\.seen: it is damaged") as caught:
        Continuity(tmp_path)
    assert "then remove the file" in caught.value.hint


def test_what_was_lost_is_accepted_on_record_only(store, seen, tmp_path, clock):
    with pytest.raises(ConflictError, match="lacks nothing"):
        continuity.accept(tmp_path, store, clock)
    cut(store)
    kept = continuity.accept(tmp_path, store, clock)
    assert json.loads(kept.read_text())["size"] == 20
    vouched(store, Continuity(tmp_path))
    with pytest.raises(LostEntriesError):
        vouched(store, seen)  # of a process that has not been told
    with store.read() as connection:
        (event,) = audit.events(connection, after=0, action="log.accept")
    assert event["details"]["seen_size"] == 20
    assert event["details"]["found_size"] == 0
    assert event["details"]["found_root"] == merkle.EMPTY_ROOT.hex()


def test_rows_that_do_not_fit_together_are_for_others_to_tell(store, seen):
    with store.write() as transaction:
        transaction.execute(sa.delete(log_tree))
    seen.look(store)
    with pytest.raises(UnavailableError, match="the transparency log is damaged"):
        grow(store, b"more")
