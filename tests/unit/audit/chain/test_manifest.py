import pytest

from pgward.audit.chain import manifest
from pgward.audit.chain.head import Head
from pgward.audit.chain.manifest import Manifest, ManifestError
from pgward.pki import jws, keys
from tests.fixtures.records import CHAIN, edge_key, packed, record

CHUNK, END = packed([record(1), record(2, user="bob", session="s")])
MADE = CHUNK.manifest


def test_a_manifest_is_signed_and_read():
    key, certificates = edge_key()
    text = manifest.sign(MADE, key, certificates)
    read = manifest.read(text)
    assert (read.manifest, read.certificates, read.text) == (MADE, certificates, text)
    assert len(text) < 8000  # with it a request passes balancers


def test_it_says_where_its_chunk_stands():
    assert (MADE.start, MADE.end) == (Head.origin(CHAIN), END)


def test_a_manifest_of_another_key_or_type_is_refused():
    _, certificates = edge_key()
    stranger = manifest.sign(MADE, keys.generate(), certificates)
    with pytest.raises(ManifestError, match="signature does not match"):
        manifest.read(stranger)
    other = jws.sign({"typ": "other", "alg": "ES256"}, MADE.to_payload(), keys.generate())
    with pytest.raises(ManifestError, match="the type is not"):
        manifest.read(other)
    with pytest.raises(ManifestError, match="longer than"):
        manifest.read("x" * 20_000)


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "X"},
        {"edge": ""},
        {"first_seq": 0},
        {"lines": 3},
        {"last_seq": True},
        {"sha256": "abc"},
        {"start_hash": "A"},
        {"end_hash": None},
        {"first_time": "yesterday"},
        {"users": "alice"},
        {"users": [1]},
        {"users": ["x" * 600]},
    ],
)
def test_a_damaged_manifest_is_refused(change):
    with pytest.raises(ManifestError, match="cannot be read"):
        Manifest.from_payload(MADE.to_payload() | change)


def test_a_member_that_is_missing_is_named():
    payload = MADE.to_payload()
    del payload["chain"]
    with pytest.raises(ManifestError, match="chain"):
        Manifest.from_payload(payload)


def test_members_of_a_later_version_are_left_out():
    assert Manifest.from_payload(MADE.to_payload() | {"later": 1}) == MADE


def test_many_names_are_not_listed():
    assert manifest.listed({"b", "a"}) == ("a", "b")
    assert manifest.listed(()) == ()
    assert manifest.listed(f"user-{each}" for each in range(100)) is None
    assert Manifest.from_payload(MADE.to_payload() | {"users": None}).users is None
