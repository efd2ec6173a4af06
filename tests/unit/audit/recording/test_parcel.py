import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.recording import parcel, sealing
from pgward.core.errors import InvalidInputError
from tests.fixtures.chunks import record
from tests.fixtures.recordings import IDENTITY, SESSION, parcel_of, start

OTHER = "0123456789abcdef-2"


@pytest.fixture(scope="module")
def packed():
    return parcel_of([start(), start(session=OTHER)], [record(2)])


def test_pieces_are_found_again(packed):
    places = parcel.read(packed)
    assert [(each.info.session, each.info.number) for each in places] == [
        (SESSION, 1),
        (OTHER, 1),
        (SESSION, 2),
    ]
    for place in places:
        data = packed[place.start : place.start + place.size]
        assert sealing.unseal(data, IDENTITY).startswith(b'{"type":"PIECE"')


def test_what_is_cut_or_longer_is_refused(packed):
    for data in (packed[:-1], packed + b"x", packed[:50], b"", b"\n\n", b"[1]\n\nx"):
        with pytest.raises(InvalidInputError):
            parcel.read(data)


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data):
    with pytest.raises(InvalidInputError):
        parcel.read(data)
