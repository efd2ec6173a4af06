import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.archive import packing
from pgward.ca.archive.packing import DamagedObjectError


@given(st.text("abc.XYZ", max_size=100), st.binary(max_size=100))
def test_an_object_gives_back_what_it_is_made_of(manifest, chunk):
    assert packing.unpack(packing.pack(manifest, chunk)) == (manifest, chunk)


def test_zstd_itself_shows_the_lines():
    data = packing.pack(
        "the.manifest.jws", zstandard.ZstdCompressor().compress(b"line 1\nline 2\n")
    )
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    assert reader.read() == b"line 1\nline 2\n"


@given(st.binary(max_size=64))
def test_garbage_is_no_object(data):
    with pytest.raises(DamagedObjectError):
        packing.unpack(data)


def test_a_manifest_has_a_bound():
    with pytest.raises(DamagedObjectError):
        packing.unpack(packing.pack("x" * 17000, b""))


def test_keys_sort_as_their_chunks_follow():
    keys = [packing.key("e1", "00" * 8, seq, "ab" * 32) for seq in (1, 9, 10, 12345678901)]
    assert keys == sorted(keys)
    assert keys[2] == "audit/e1/0000000000000000/000000000000000010-abababababababab.zst"
    assert keys[2].startswith(packing.chunks_from("e1", "00" * 8, 10))


def test_a_key_says_whose_chunk_it_is():
    assert packing.chain_of(packing.key("e1", "f" * 16, 7, "0" * 64)) == ("e1", "f" * 16)
    for key in ("audit/stray", "audit/e1/chain/1-x.zst/more", "recordings/e1/x.parcel"):
        assert packing.chain_of(key) is None
