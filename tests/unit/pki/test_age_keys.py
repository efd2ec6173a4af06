import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.pki.age import AgeError
from pgward.pki.age_keys import Identity, Recipient

# The identity of C2SP's test vectors for age (github.com/C2SP/CCTV/tree/main/age).
SECRET = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
ME = Identity.new()


@settings(max_examples=20)
@given(st.binary(max_size=200))
def test_only_the_identity_opens_it(data):
    sealed = ME.recipient.encrypt(data)
    assert ME.decrypt(sealed) == data
    with pytest.raises(AgeError, match="another key"):
        Identity.new().decrypt(sealed)


@pytest.mark.parametrize("size", [65535, 65536, 65537, 200_000])
def test_long_ones(size):
    data = bytes(size)
    assert ME.decrypt(ME.recipient.encrypt(data)) == data


def test_texts():
    identity = Identity.parse(SECRET)
    assert identity.text() == SECRET
    recipient = str(identity.recipient)
    assert recipient.startswith("age1")
    assert str(Recipient.parse(recipient)) == recipient
    assert identity.decrypt(Recipient.parse(recipient).encrypt(b"x")) == b"x"


@pytest.mark.parametrize("place", [3, 30, 90, 120, -1, -40])
def test_what_was_changed_is_found(place):
    sealed = bytearray(ME.recipient.encrypt(b"hello" * 20))
    sealed[place] ^= 1
    with pytest.raises(AgeError):
        ME.decrypt(bytes(sealed))


def test_what_was_cut_is_found():
    sealed = ME.recipient.encrypt(b"hello")
    for end in (0, 40, len(sealed) - 1):
        with pytest.raises(AgeError):
            ME.decrypt(sealed[:end])


def test_wrong_texts_are_not_repeated():
    for parse, text in ((Recipient.parse, SECRET), (Identity.parse, SECRET[:-1] + "Q")):
        with pytest.raises(InvalidInputError) as caught:
            parse(text)
        assert SECRET[20:40] not in str(caught.value)
