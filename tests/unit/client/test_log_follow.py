import json

import pytest

from pgward.client import log_follow
from pgward.client.log_follow import Place, Places
from pgward.core.errors import InvalidInputError
from pgward.pki import tree_head
from pgward.pki.errors import LogError
from pgward.pki.log_entry import CertificateEntry
from tests.fixtures.fake_log import FakeLog


def head(log: FakeLog) -> tree_head.TreeHead:
    return tree_head.read(log.jws)


@pytest.fixture
def admin_log(fake_log):
    fake_log.who = "admin"
    return fake_log


@pytest.mark.parametrize("size", range(1, 20))
def test_the_end_of_a_log_is_proved_by_its_last_entry(size):
    log = FakeLog(who="admin").add(*["alice"] * size)
    place = log_follow.start(log, head(log), everything=True, begin=False)
    assert place.size == size
    assert place.tree().root() == head(log).root


def test_a_person_begins_at_the_end_without_a_proof(fake_log):
    assert log_follow.start(fake_log, head(fake_log), everything=False, begin=False) == Place(3)
    assert log_follow.start(fake_log, head(fake_log), everything=False, begin=True) == Place(0)


def test_a_wrong_last_entry_is_told(admin_log):
    admin_log.changed["/v1/log/proof/inclusion"] = {"leaf_hash": "00" * 32}
    with pytest.raises(LogError, match="does not lead to the head"):
        log_follow.edge_of(admin_log, head(admin_log))
    admin_log.changed["/v1/log/proof/inclusion"] = {"leaf_hash": None}
    with pytest.raises(LogError, match="no proof"):
        log_follow.edge_of(admin_log, head(admin_log))


def test_an_administrator_gets_everything_new_and_it_leads_to_the_head(admin_log):
    place = log_follow.edge_of(admin_log, head(admin_log))
    admin_log.add("bob", "carol")
    found, after = log_follow.every(admin_log, place, head(admin_log))
    assert [leaf.entry.subject for leaf in found] == ["bob", "carol"]
    assert (after.size, after.tree().root()) == (5, head(admin_log).root)
    assert log_follow.every(admin_log, after, head(admin_log)) == ([], after)


def test_many_pages(monkeypatch, admin_log):
    monkeypatch.setattr(log_follow, "_PAGE", 2)
    found, _ = log_follow.every(admin_log, Place(0), head(admin_log))
    assert [leaf.log_index for leaf in found] == [0, 1, 2]


def test_an_entry_that_is_kept_back_is_told(admin_log):
    entries = [admin_log.entry(0), admin_log.entry(2)]
    admin_log.changed["/v1/log/entries"] = {"entries": entries}
    with pytest.raises(LogError, match="entry 1 of the log is missing"):
        log_follow.every(admin_log, Place(0), head(admin_log))


def test_entries_that_do_not_lead_to_the_head_are_told(admin_log):
    admin_log.changed["/v1/log/entries"] = {"entries": [admin_log.entry(0)]}
    with pytest.raises(LogError, match="do not lead to the head of 3"):
        log_follow.every(admin_log, Place(0), head(admin_log))


def test_a_log_that_stands_still_is_told(admin_log):
    admin_log.changed["/v1/log/entries"] = {"entries": [], "next": 0}
    with pytest.raises(LogError, match="does not advance"):
        log_follow.every(admin_log, Place(0), head(admin_log))


def test_a_person_gets_the_own_entries_each_proved(fake_log):
    found = list(log_follow.own(fake_log, Place(0), head(fake_log)))
    assert [leaf.log_index for leaf, _ in found] == [0, 2]
    assert all(isinstance(leaf.entry, CertificateEntry) for leaf, _ in found)
    assert [place for _, place in found] == [Place(1), Place(3)]
    fake_log.changed["/v1/log/proof/inclusion"] = {"proof": ["00" * 32] * 2}
    with pytest.raises(LogError):
        list(log_follow.own(fake_log, Place(0), head(fake_log)))


def test_entries_beyond_the_head_wait_for_the_next_one(admin_log):
    old = head(admin_log)
    admin_log.add("bob")
    assert [leaf.log_index for leaf in log_follow.every(admin_log, Place(0), old)[0]] == [0, 1, 2]


def test_places_are_kept_by_ca_and_by_who_follows(tmp_path):
    one, other = Places(tmp_path, "ca", "*"), Places(tmp_path, "ca", "alice")
    assert one.load() is None
    one.save(Place(3, "00" * 64))
    other.save(Place(1))
    assert (one.load(), other.load()) == (Place(3, "00" * 64), Place(1))


def test_damaged_places_are_told(tmp_path):
    path = tmp_path / log_follow.FILE
    for text in ("{", "[1]", json.dumps({"ca *": {"size": "x"}})):
        path.write_text(text)
        with pytest.raises(InvalidInputError, match="damaged"):
            Places(tmp_path, "ca", "*").load()
