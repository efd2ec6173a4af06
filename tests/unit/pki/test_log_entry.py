from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import log_entry
from pgward.pki.log_entry import BadEntryError, CertificateEntry, PurgeEntry, RevocationEntry

TIME = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
ISSUED = CertificateEntry(TIME, "user-issuing", "person", "alice", b"DER", "s1", "192.0.2.1")
REVOKED = RevocationEntry(TIME, "user-issuing", "7f", "keyCompromise")
texts = st.text(max_size=60)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    timezones=st.just(UTC),
)
entries = st.one_of(
    st.builds(
        CertificateEntry,
        time=times,
        ca=texts,
        kind=texts,
        subject=texts,
        der=st.binary(max_size=2000),
        session=texts,
        client=texts,
    ),
    st.builds(RevocationEntry, time=times, ca=texts, serial=texts, reason=texts),
    st.builds(
        PurgeEntry,
        time=times,
        expired_before=times,
        ranges=st.lists(st.integers(0, 9000)).map(
            lambda ends: tuple(
                zip(sorted(ends)[: len(ends) // 2 * 2 : 2], sorted(ends)[1::2], strict=True)
            )
        ),
        digest=st.binary(min_size=32, max_size=32),
    ),
)


def test_the_bytes_of_a_certificates_entry_never_change() -> None:
    assert ISSUED.encode().hex() == (
        "0101" + "000660c819a35240"
        "0c757365722d69737375696e67"
        "06706572736f6e"
        "0005616c696365"
        "027331"
        "00093139322e302e322e31"
        "000003444552"
    )


def test_the_bytes_of_a_revocations_entry_never_change() -> None:
    assert REVOKED.encode().hex() == (
        "0102" + "000660c819a352400c757365722d69737375696e670237660d6b6579436f6d70726f6d697365"
    )


def test_the_bytes_of_a_purges_entry_never_change() -> None:
    entry = PurgeEntry(TIME, TIME, ((0, 2), (5, 6)), bytes(32))
    assert entry.encode().hex() == (
        "0103" + "000660c819a35240"
        "08000660c819a35240"
        "000020" + "0000000000000000" + "0000000000000002" + "0000000000000005" + "0000000000000006"
        "20" + "00" * 32
    )
    assert entry.indexes() == [0, 1, 5]


@pytest.mark.parametrize("ranges", [((5, 3),), ((4, 6), (5, 7)), ((0, 1 << 40),)])
def test_a_purge_that_cannot_be_is_refused(ranges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(BadEntryError, match="cannot be"):
        log_entry.decode(PurgeEntry(TIME, TIME, ranges, bytes(32)).encode())


@given(entries)
def test_an_entry_is_read_as_it_was_written(entry: log_entry.Entry) -> None:
    assert log_entry.decode(entry.encode()) == entry


@given(entries, entries)
def test_two_entries_have_the_same_bytes_only_when_equal(
    one: log_entry.Entry, other: log_entry.Entry
) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_one_error(data: bytes) -> None:
    with suppress(BadEntryError):
        assert log_entry.decode(data).encode() == data


@given(entries, st.data())
def test_a_cut_entry_is_refused(entry: log_entry.Entry, data: st.DataObject) -> None:
    encoded = entry.encode()
    end = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(BadEntryError):
        log_entry.decode(encoded[:end])
    with pytest.raises(BadEntryError):
        log_entry.decode(encoded + b"\x00")


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [(0, 2, "version 2"), (1, 9, "type 9"), (2, 0xFF, "after the year 9999")],
)
def test_what_is_unknown_is_named(at: int, value: int, message: str) -> None:
    data = bytearray(ISSUED.encode())
    data[at] = value
    with pytest.raises(BadEntryError, match=message):
        log_entry.decode(bytes(data))


def test_a_time_of_another_zone_has_the_same_bytes() -> None:
    moved = CertificateEntry(
        TIME.astimezone(timezone(timedelta(hours=2))), "user-issuing", "person", "alice", b"DER"
    )
    assert (
        moved.encode() == CertificateEntry(TIME, "user-issuing", "person", "alice", b"DER").encode()
    )
