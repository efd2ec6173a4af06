import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import jws, keys, snapshot
from pgward.pki.chain import CLIENT_AUTH, SERVER_AUTH, SNAPSHOT_SIGNING
from pgward.pki.errors import SnapshotError
from tests.fixtures.pki import NOW, TestCa

KEY = keys.generate()
PAYLOAD = {"version": 7, "services": []}


def sign(ca, ekus=(SNAPSHOT_SIGNING,), key=KEY, **options):
    signer = ca.issue("signer", KEY, ekus, **options)
    return snapshot.sign(PAYLOAD, key, [signer, ca.certificate])


def verify(hierarchy, text, now=NOW):
    return snapshot.verify(text, [hierarchy.root.certificate], now)


def test_a_snapshot_is_read(hierarchy):
    assert verify(hierarchy, sign(hierarchy.issuing)) == PAYLOAD


@pytest.mark.parametrize(
    "ekus", [[SERVER_AUTH], [CLIENT_AUTH], [SNAPSHOT_SIGNING, SERVER_AUTH], []]
)
def test_a_tls_certificates_key_signs_no_snapshot(hierarchy, ekus):
    with pytest.raises(SnapshotError):
        verify(hierarchy, sign(hierarchy.issuing, ekus))


def test_a_strangers_snapshot_is_refused(hierarchy):
    with pytest.raises(SnapshotError, match="not trusted"):
        verify(hierarchy, sign(TestCa.root().sub()))


def test_another_keys_signature_is_refused(hierarchy):
    with pytest.raises(SnapshotError, match="signature does not match"):
        verify(hierarchy, sign(hierarchy.issuing, key=keys.generate()))


def test_an_expired_signer_is_refused(hierarchy):
    with pytest.raises(SnapshotError, match="expired"):
        verify(hierarchy, sign(hierarchy.issuing, end=NOW), NOW.replace(hour=13))


def test_a_changed_payload_is_refused(hierarchy):
    head, _, signature = sign(hierarchy.issuing).split(".")
    changed = f"{head}.{jws.encode(json.dumps({'version': 8}).encode())}.{signature}"
    with pytest.raises(SnapshotError, match="signature does not match"):
        verify(hierarchy, changed)


def test_a_proof_is_no_snapshot(hierarchy):
    signer = hierarchy.issuing.issue("signer", KEY, [SNAPSHOT_SIGNING])
    header = {"typ": "dpop+jwt", "alg": "ES256", "x5c": jws.chain_header([signer])}
    with pytest.raises(SnapshotError, match="the type is not"):
        verify(hierarchy, jws.sign(header, PAYLOAD, KEY))


def test_a_snapshot_without_a_chain_is_refused(hierarchy):
    header = {"typ": snapshot.TYPE, "alg": "ES256"}
    with pytest.raises(SnapshotError, match="x5c"):
        verify(hierarchy, jws.sign(header, PAYLOAD, KEY))


@given(st.text(max_size=300))
def test_any_text_raises_the_one_error(text):
    with pytest.raises(SnapshotError):
        snapshot.verify(text, [TestCa.root().certificate], NOW)


@pytest.fixture(scope="module")
def signed(hierarchy):
    return sign(hierarchy.issuing)


@given(st.data())
def test_a_changed_letter_raises_the_one_error(hierarchy, signed, data):
    text = signed
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = text[:position] + letter + text[position + 1 :]
    if changed == text:
        return
    with pytest.raises(SnapshotError):
        verify(hierarchy, changed)
