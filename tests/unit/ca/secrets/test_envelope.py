from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.keys.sealing import SealError
from pgward.ca.secrets import envelope
from pgward.ca.secrets.envelope import Sealed, StoreKey

KEY = StoreKey(1, b"k" * 32)
NEXT = StoreKey(2, b"n" * 32)
VALUE = b"correct horse"
SEALED = envelope.seal(KEY, "db", 3, VALUE)


@given(st.binary(min_size=1, max_size=2000))
def test_what_is_sealed_opens_with_its_key(value):
    sealed = envelope.seal(KEY, "db", 3, value)
    assert envelope.unseal(KEY, sealed) == value
    assert (sealed.name, sealed.version, sealed.key_number) == ("db", 3, 1)


def test_the_same_value_is_never_sealed_alike():
    again = envelope.seal(KEY, "db", 3, VALUE)
    assert (again.wrapped != SEALED.wrapped, again.sealed != SEALED.sealed) == (True, True)
    assert VALUE not in SEALED.sealed


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


OTHER = envelope.seal(KEY, "other", 3, b"of another")


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEALED, name="other"),
        replace(SEALED, version=2),
        replace(SEALED, key_number=2),
        replace(SEALED, sealed=flipped(SEALED.sealed)),
        replace(SEALED, wrapped=flipped(SEALED.wrapped)),
        replace(SEALED, sealed=OTHER.sealed),
        replace(SEALED, wrapped=OTHER.wrapped, sealed=OTHER.sealed),
        replace(SEALED, sealed=b""),
        replace(SEALED, wrapped=b"short"),
    ],
)
def test_what_was_changed_or_put_in_anothers_place_does_not_open(changed: Sealed):
    with pytest.raises(SealError, match="was changed in the store"):
        envelope.unseal(KEY, changed)


def test_another_key_opens_nothing():
    with pytest.raises(SealError):
        envelope.unseal(StoreKey(1, b"x" * 32), SEALED)


def test_rewrapping_leaves_the_value_closed_and_the_old_key_useless():
    again = envelope.rewrap(KEY, NEXT, SEALED)
    assert (again.key_number, again.sealed) == (2, SEALED.sealed)
    assert envelope.unseal(NEXT, again) == VALUE
    for key in (KEY, StoreKey(2, KEY.data)):
        with pytest.raises(SealError):
            envelope.unseal(key, again)


def test_keys_are_not_shown():
    assert KEY.data.decode() not in repr(StoreKey.new(1)) + repr(KEY)
    assert "sealed=" not in repr(SEALED)
