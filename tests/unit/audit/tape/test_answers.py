import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.tape.answers import MARK, Opener, Sealer, as_it_is, new_key

KEY = bytes(range(32))
BOOT, OTHER = "0123456789abcdef", "fedcba9876543210"


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_who_has_the_key_reads_them(answers):
    sealer, opener = Sealer(KEY, BOOT), Opener(KEY)
    sealed = [sealer(memoryview(each)) for each in answers]
    assert [opener(f"{BOOT}-1", each) for each in sealed] == answers


def test_nothing_is_seen_of_them_and_no_two_are_alike():
    sealer = Sealer(KEY, BOOT)
    first, second = sealer(b"canary"), sealer(b"canary")
    assert first.startswith(MARK)
    assert b"canary" not in first
    assert first[len(MARK) + 8 :] != second[len(MARK) + 8 :]


@pytest.mark.parametrize(
    "other",
    [
        (new_key(), BOOT, 0),  # of another start
        (KEY, OTHER, 0),  # of another tape
        (KEY, BOOT, 1),  # changed
    ],
)
def test_nobody_else_reads_them(other):
    key, boot, flip = other
    sealed = bytearray(Sealer(KEY, BOOT)(b"canary"))
    sealed[-1] ^= flip
    assert Opener(key)(f"{boot}-1", bytes(sealed)) is None


@given(st.binary(max_size=40))
def test_rubbish_is_not_an_answer(data):
    assert Opener(KEY)(f"{BOOT}-1", MARK + data) is None


def test_what_an_earlier_version_put_on_tape_is_as_it_is():
    assert Opener(KEY)(f"{BOOT}-1", b"T\0\0\0\x06") == b"T\0\0\0\x06"
    assert as_it_is(b"x") == b"x"


def test_keys_are_new():
    assert new_key() != new_key()
    assert len(new_key()) == 32
