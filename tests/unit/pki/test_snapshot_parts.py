import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import snapshot_parts as module
from pgward.pki.errors import SnapshotError
from pgward.pki.snapshot_parts import NO_TAG, bucket_of, bucketed, digest, pack, tag, unpack

VALUES = st.text() | st.none() | st.lists(st.integers(), max_size=3)


@given(st.dictionaries(st.text(), VALUES))
def test_what_is_packed_is_unpacked(content):
    assert unpack(pack(content)) == content


@given(st.dictionaries(st.text(), st.integers()))
def test_everything_is_in_one_bucket_which_its_name_alone_tells(section):
    found = bucketed(section)
    merged = {name: value for content in found.values() for name, value in content.items()}
    assert merged == section
    assert all(bucket_of(name) == bucket for bucket, names in found.items() for name in names)


def test_a_digest_is_a_safe_file_name():
    assert digest("") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_a_tag_does_not_depend_on_the_order_of_members():
    assert tag([{"a": 1, "b": 2}, 3]) == tag([{"b": 2, "a": 1}, 3])
    assert tag([1]) != tag([2])
    assert len(tag([])) == len(NO_TAG)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "ä",
        b64encode(b"plain").decode(),
        b64encode(zlib.compress(b"[]")).decode(),
        b64encode(zlib.compress(b"{")).decode(),
        b64encode(zlib.compress(b"[" * 100_000)).decode(),
        b64encode(zlib.compress(b"\xff")).decode(),
        b64encode(zlib.compress(b"{}")[:-1]).decode(),
    ],
)
def test_garbage_is_refused(text):
    with pytest.raises(SnapshotError):
        unpack(text)


def test_more_than_may_be_is_not_unpacked(monkeypatch):
    text = pack({"a": "b" * 100})
    assert unpack(text)
    monkeypatch.setattr(module, "MOST_BYTES", 50)
    with pytest.raises(SnapshotError, match="too long"):
        unpack(text)
