import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import DecryptError
from pyrage import passphrase as other

from pgward.pki import age
from pgward.pki.age import AgeError, Encryptor

WORD = b"open sesame"
CHUNK = 64 * 1024
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7]


def encrypt(data, word=WORD, *, step=None):
    target = io.BytesIO()
    with Encryptor(target, word, work=2) as writer:
        for start in range(0, len(data), step or len(data) or 1):
            writer.write(data[start : start + (step or len(data))])
            writer.flush()
    return target.getvalue()


def decrypt(data, word=WORD):
    return b"".join(age.decrypt(io.BytesIO(data), word))


@pytest.mark.parametrize("size", SIZES)
def test_it_is_read_back_here_and_by_another_program(size):
    data = bytes(size)
    sealed = encrypt(data)
    assert decrypt(sealed) == data
    assert other.decrypt(sealed, WORD.decode()) == data


@pytest.mark.soak  # it makes the passphrase costly, by some seconds
def test_what_another_program_encrypted_is_read():
    for data in (b"", b"x" * (CHUNK + 1)):
        assert decrypt(other.encrypt(data, WORD.decode())) == data


def test_it_does_not_matter_in_which_pieces_it_comes():
    data = bytes(range(256)) * 700
    assert decrypt(encrypt(data, step=1000)) == data

    class Drops(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    assert b"".join(age.decrypt(Drops(encrypt(data)), WORD)) == data


def test_another_passphrase_opens_nothing():
    with pytest.raises(AgeError, match="the passphrase is wrong"):
        decrypt(encrypt(b"data"), b"another")


@pytest.mark.parametrize("size", [0, 10, CHUNK, CHUNK + 10])
def test_a_file_that_was_cut_is_noticed(size):
    sealed = encrypt(bytes(size))
    cuts = {*range(0, 220, 7), len(sealed) - CHUNK - 16, len(sealed) - 17, len(sealed) - 1}
    for length in sorted(cut for cut in cuts if 0 <= cut < len(sealed)):
        with pytest.raises(AgeError):
            decrypt(sealed[:length])
    with pytest.raises(AgeError):
        decrypt(sealed + b"x")


def test_every_changed_bit_is_noticed():
    sealed = encrypt(b"some data")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << place % 8
        with pytest.raises(AgeError):
            decrypt(bytes(changed))


def test_chunks_cannot_change_places():
    sealed = encrypt(b"a" * CHUNK + b"b" * CHUNK + b"c")
    start = len(sealed) - 2 * (CHUNK + 16) - 17
    one, two = sealed[start : start + CHUNK + 16], sealed[start + CHUNK + 16 : -17]
    with pytest.raises(AgeError):
        decrypt(sealed[:start] + two + one + sealed[-17:])
    with pytest.raises(AgeError):
        decrypt(sealed[:start] + one + sealed[-17:])


def test_a_block_that_fails_leaves_a_file_that_cannot_be_read():
    target = io.BytesIO()

    def fail():
        with Encryptor(target, WORD, work=2) as writer:
            writer.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(AgeError):
        decrypt(target.getvalue())


def test_other_files_are_told_apart():
    with pytest.raises(AgeError, match="not an age file"):
        decrypt(b"PK\3\4")
    with pytest.raises(AgeError, match="not encrypted with a passphrase alone"):
        decrypt(b"age-encryption.org/v1\n-> X25519 abc\nabc\n--- abc\n")
    costly = encrypt(b"x").replace(b" 2\n", b" 30\n", 1)
    with pytest.raises(AgeError, match="work factor of 30"):
        decrypt(costly)


@settings(max_examples=200)
@given(st.binary(max_size=400), st.booleans())
def test_anything_else_is_one_error(data, headed):
    with pytest.raises(AgeError):
        decrypt(b"age-encryption.org/v1\n" * headed + data)


@pytest.mark.soak
def test_the_default_cost_is_what_age_takes():
    sealed = io.BytesIO()
    Encryptor(sealed, WORD).close()
    assert b" 18\n" in sealed.getvalue()
    with pytest.raises(DecryptError):
        other.decrypt(sealed.getvalue(), "another")
