from datetime import timedelta

import pytest

from pgward.hba.check.material import (
    LISTS_DIRECTORY,
    Entry,
    Material,
    TlsFile,
    hashed,
    is_found,
    wanted_names,
)
from pgward.hba.check.samples import (
    GOOD,
    ISSUING,
    LIST_OF_ISSUING,
    LIST_OF_ROOT,
    NOW,
    ROOT,
    certificate,
    opened_name,
    revocation_list,
)

DAY = timedelta(days=1)


def test_roots() -> None:
    assert ROOT.is_root
    assert not ISSUING.is_root
    assert certificate("a", "a", since=1, left=1, key_id="01", authority_id="01").is_root
    assert not certificate("a", "a", since=1, left=1, key_id="01", authority_id="02").is_root


def test_times() -> None:
    assert ROOT.is_current(ROOT.starts)
    assert not ROOT.is_current(ROOT.ends)
    assert LIST_OF_ROOT.is_current(NOW)
    assert not LIST_OF_ROOT.is_current(NOW - 101 * DAY)
    assert revocation_list("a", since=1, left=1, ends=None).is_current(NOW + 9000 * DAY)


@pytest.mark.parametrize(
    ("life", "left", "soon"), [(8, 2, True), (8, 2.1, False), (4000, 30, True), (4000, 31, False)]
)
def test_what_ends_soon(life, left, soon) -> None:
    assert GOOD.ends_soon(NOW + (left - life) * DAY, NOW + left * DAY) is soon


def test_lists_are_a_ca_s_by_name_and_by_key() -> None:
    assert LIST_OF_ROOT.is_of(ROOT)
    assert not LIST_OF_ISSUING.is_of(ROOT)
    with_key = certificate("user root", "user root", since=1, left=1, key_id="01")
    assert LIST_OF_ROOT.is_of(with_key)
    other = revocation_list("user root", since=1, left=1, authority_id="02")
    assert not other.is_of(with_key)
    assert other.is_of(ROOT)


def test_what_is_found_in_a_directory() -> None:
    first = opened_name("user root")
    entries = (Entry(first, (LIST_OF_ROOT,)), Entry(first[:-1] + "1", (LIST_OF_ROOT,)))
    assert [is_found(each, entries) for each in entries] == [True, True]
    assert not is_found(entries[1], entries[1:])
    assert not is_found(Entry("ca.crl", (LIST_OF_ROOT,)), entries)
    assert not is_found(Entry(first), (Entry(first),))
    assert wanted_names(entries[0]) == [first[:-1]]
    assert hashed("01020304" + "0" * 32) == "04030201"
    directory = TlsFile(LISTS_DIRECTORY, "/x", entries=(*entries, Entry("a", (LIST_OF_ISSUING,))))
    assert [one for _, one in Material(NOW, (directory,)).lists()] == [LIST_OF_ROOT, LIST_OF_ROOT]


def test_files_by_their_settings() -> None:
    assert GOOD.of(LISTS_DIRECTORY) is None
    assert GOOD.cas == (ROOT,)
    assert Material(NOW, ()).cas == ()
