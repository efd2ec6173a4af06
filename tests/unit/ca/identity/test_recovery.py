import re

import pytest

from pgward.ca.identity import recovery


def test_ten_codes_that_can_be_read_aloud():
    codes = recovery.new_codes()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", c) for c in codes)


def test_a_code_matches_its_own_hash_only():
    first, second, other = recovery.new_codes(3)
    stored = [recovery.hash_of("alice", first), recovery.hash_of("alice", second)]
    assert recovery.matching(stored, "alice", second) == stored[1]
    assert recovery.matching(stored, "alice", other) is None
    assert recovery.matching([stored[0]], "alice", second) is None


def test_a_hash_that_was_copied_to_another_person_is_no_good():
    [code] = recovery.new_codes(1)
    stored = [recovery.hash_of("alice", code)]
    assert recovery.matching(stored, "mallory", code) is None


@pytest.mark.parametrize(
    "typed",
    ["0123-4567-89ab-cdef", "O123 4567 89AB CDEF", " ol23-4567-89ab-cdef\n".replace("l", "I")],
)
def test_what_reading_and_typing_add_does_not_matter(typed):
    assert recovery.plain(typed) == "0123456789abcdef"


@pytest.mark.parametrize("typed", ["", "0123", "u" * 16, "é" * 16, "0" * 17, "1" * 100_000])
def test_what_is_no_code_is_wrong(typed):
    assert recovery.plain(typed) is None
    assert recovery.hash_of("alice", typed) is None
    stored = [recovery.hash_of("alice", code) for code in recovery.new_codes(2)]
    assert recovery.matching(stored, "alice", typed) is None
