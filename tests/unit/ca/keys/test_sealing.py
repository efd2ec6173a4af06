import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.keys import sealing
from pgward.ca.keys.sealing import Sealer, SealError
from tests.fixtures.authority import START

SEALER = Sealer(b"s" * 32)


@given(st.binary(max_size=200))
def test_what_was_sealed_opens_again_and_shows_nothing(data):
    sealed = SEALER.seal("flow", data)
    assert SEALER.open("flow", sealed) == data
    assert len(sealed) == len(data) + 29
    assert SEALER.seal("flow", data) != sealed


@given(st.binary(max_size=100))
def test_what_nobody_sealed_is_refused(data):
    with pytest.raises(SealError):
        SEALER.open("flow", data)


@pytest.mark.parametrize("opener", [Sealer(b"t" * 32), SEALER])
def test_another_secret_or_purpose_opens_nothing(opener):
    sealed = SEALER.seal("flow", b"what")
    with pytest.raises(SealError, match="not sealed by this authority"):
        opener.open("totp", sealed)


def test_every_changed_byte_is_found():
    sealed = SEALER.seal("flow", b"what")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealError):
            SEALER.open("flow", bytes(changed))


def test_a_directory_keeps_its_sealer(tmp_path, store):
    sealed = sealing.open_sealer(tmp_path, store, START).seal("x", b"what")
    assert (tmp_path / sealing.FILE).stat().st_mode & 0o777 == 0o600
    assert sealing.open_sealer(tmp_path, store, START).open("x", sealed) == b"what"
