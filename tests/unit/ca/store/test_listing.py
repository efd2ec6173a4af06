from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.store import listing
from pgward.ca.store.listing import Search
from pgward.ca.store.schema import certificates
from pgward.core.errors import InvalidInputError
from tests.fixtures import many
from tests.fixtures.authority import START

COUNT, USERS = 60, 4
HOUR = timedelta(hours=1)


@pytest.fixture
def filled(store):
    many.fill(store, COUNT, users=USERS, end=START)
    with store.read() as connection:
        rows = connection.execute(sa.select(certificates).order_by("log_index")).mappings().all()
    return store, rows


def found(store, limit=1000, cursor=None, **wanted) -> list[int]:
    with store.read() as connection:
        page = listing.page(connection, Search(START, **wanted), limit=limit, cursor=cursor)
    return [row["log_index"] for row in page.rows]


def test_the_newest_come_first_without_their_bytes(filled):
    store, _ = filled
    assert found(store) == list(range(COUNT))[::-1]
    with store.read() as connection:
        page = listing.page(connection, Search(START), limit=1)
    assert "der" not in page.rows[0]


def test_pages_follow_each_other_even_when_times_are_equal(filled):
    store, rows = filled
    same = rows[30]["created_at"]
    with store.write() as transaction:
        between = certificates.c.log_index.between(20, 40)
        transaction.execute(sa.update(certificates).where(between).values(created_at=same))
    seen, cursor = [], None
    while True:
        with store.read() as connection:
            page = listing.page(connection, Search(START), limit=7, cursor=cursor)
        seen += [row["log_index"] for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == list(range(COUNT))
    assert seen == found(store)


def test_each_filter(filled):
    store, rows = filled
    one = rows[10]
    mine = [row["log_index"] for row in rows if row["subject"] == "user1"][::-1]
    assert found(store, kind="person", subject="user1") == mine
    assert found(store, kind="edge") == []
    assert found(store, serial=one["serial"]) == [10]
    assert found(store, fingerprint=one["fingerprint"]) == [10]
    assert found(store, key_sha256=one["key_sha256"]) == [10]
    assert found(store, issued_after=one["created_at"]) == list(range(11, COUNT))[::-1]
    assert found(store, issued_before=one["created_at"]) == list(range(10))[::-1]
    assert found(store, owners=[("person", ["user1"]), ("edge", ["e1"])]) == mine
    assert found(store, owners=[]) == []


def test_states_are_as_of_now(filled):
    store, rows = filled
    assert found(store, state="revoked") == [0]
    assert found(store, state="active") == list(range(1, COUNT))[::-1]
    assert found(store, state="expired") == []
    assert found(store, state="pending") == []
    with store.read() as connection:
        late = rows[20]["not_after"] + timedelta(milliseconds=1)
        page = listing.page(connection, Search(late, state="expired"), limit=100)
    assert [row["log_index"] for row in page.rows] == list(range(1, 21))[::-1]


def test_what_was_valid_at_a_time_is_not_what_was_revoked_by_then(filled):
    store, rows = filled
    revoked = rows[0]
    before = revoked["revoked_at"] - timedelta(seconds=1)
    assert found(store, valid_at=before) == list(range(COUNT))[::-1]
    assert found(store, valid_at=revoked["revoked_at"]) == list(range(1, COUNT))[::-1]
    assert found(store, valid_at=rows[0]["not_before"]) == [0]
    assert found(store, valid_at=rows[-1]["not_after"]) == [COUNT - 1]
    assert found(store, valid_at=START - 9 * HOUR) == []


@pytest.mark.parametrize("cursor", ["x", "2026-11-21T12:00:00/ab", "/", "2026-99-21T12:00:00Z/ab"])
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(InvalidInputError, match="not a cursor"):
        found(store, cursor=cursor)


def test_one_by_serial_number_or_fingerprint_or_place(filled):
    store, rows = filled
    row = rows[7]
    with store.read() as connection:
        for name in (row["serial"], row["fingerprint"]):
            assert listing.one(connection, name) == row
        assert listing.at(connection, 7) == row
        assert listing.one(connection, "ff") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00AB:CD", "abcd"),
        ("SHA256:" + "0A" * 32, "0a" * 32),
        (":".join(["0A"] * 32), "0a" * 32),
    ],
)
def test_hex_is_read_as_people_copy_it(text, expected):
    assert listing.plain(text) == expected


def plan(store, **wanted) -> str:
    statement = sa.select(certificates.c.serial).where(*Search(START, **wanted).clauses())
    statement = statement.order_by(*listing._ORDER).limit(200)
    with store.read() as connection:
        text = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    return "; ".join(row[-1] for row in rows)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"kind": "person", "subject": "user1"}, "ix_certificates_kind_subject"),
        ({}, "ix_certificates_created_at"),
        ({"issued_after": START}, "ix_certificates_created_at"),
        ({"state": "revoked"}, "ix_certificates_revoked"),
        ({"fingerprint": "ab"}, "ix_certificates_fingerprint"),
        ({"key_sha256": "ab"}, "ix_certificates_key_sha256"),
    ],
)
def test_an_index_answers_and_nothing_is_sorted(store, wanted, index):
    text = plan(store, **wanted)
    assert f"INDEX {index}" in text
    if "sha256" not in index and "fingerprint" not in index:
        assert "TEMP B-TREE" not in text
