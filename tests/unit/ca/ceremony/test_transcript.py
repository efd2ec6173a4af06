import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.ceremony import requests
from pgward.ca.ceremony import transcript as ceremony
from pgward.ca.ceremony.transcript import Entry, Transcript
from pgward.ca.records import CaName
from pgward.core.errors import InvalidInputError
from pgward.pki import keys


@pytest.fixture(scope="module")
def transcript(new_user_hierarchy):
    root, issuing = new_user_hierarchy.root, new_user_hierarchy.issuing
    asked = requests.make("Acme", CaName.SERVER_ISSUING, keys.generate()).request
    return Transcript(
        (("when", "2026-11-21T12:00:00Z"), ("witness", "Bob: the second"), ("witness", "Eve")),
        (
            Entry("user-root", "offline/user-root.key", root.certificate),
            Entry("user-issuing", "pkcs11:token=a;object=b", issuing.certificate),
            Entry("server-issuing", "file:keys/server-issuing.key", asked),
        ),
        (("ca/a", "0" * 64), ("ca/b: c", "1" * 64)),
    )


@pytest.fixture(scope="module")
def text(transcript):
    return ceremony.write(transcript)


def test_what_is_written_is_read_back(transcript, text):
    assert ceremony.read(text.encode()) == transcript
    assert ceremony.write(transcript) == text


def test_it_tells_keys_and_certificates(transcript, text):
    root = transcript.entries[0].document
    for line in (
        "CA: user-root",
        "key: p256, offline/user-root.key",
        f"key SHA-256: {keys.spki_sha256(root.public_key())}",
        f"serial: {root.serial_number:x}",
        "until: 2041-11-17T11:59:00Z",
        "witness: Bob: the second",
    ):
        assert f"\n{line}\n" in text
    assert transcript.fact("when") == "2026-11-21T12:00:00Z"
    assert transcript.fact("nothing") == ""


def test_the_seal_is_the_sha256_of_what_is_above_it(text):
    above, _, last = text.rstrip("\n").rpartition("\n")
    digest = hashlib.sha256(above.encode() + b"\n").hexdigest()
    assert last == f"sha256: {digest}"
    assert ceremony.sealed_by(text.encode()) == last.removeprefix("sha256: ")


def test_nothing_can_stand_on_a_line_of_its_own(transcript):
    fact = ("name", "a\n\nCA: x\x1b[2J")
    odd = Transcript((fact,), transcript.entries[:1], transcript.files)
    found = ceremony.read(ceremony.write(odd).encode())
    assert found.facts == (("name", "a??CA: x?[2J"),)


@given(st.data())
def test_any_change_is_found(text, data):
    at = data.draw(st.integers(0, len(text.encode()) - 1))
    changed = bytearray(text.encode())
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidInputError):
        ceremony.read(bytes(changed))


def test_a_new_seal_over_something_else_is_no_transcript(text):
    body = text.rpartition("sha256: ")[0].replace("serial: ", "serial: 0", 1)
    resealed = f"{body}sha256: {ceremony.seal(body)}\n"
    with pytest.raises(InvalidInputError, match="was changed"):
        ceremony.read(resealed.encode())


@pytest.mark.parametrize("data", [b"", b"x", b"\xff", b"sha256: x\n", b"a\n\nb\n\nc\nsha256: x\n"])
def test_what_is_none_is_told(data):
    with pytest.raises(InvalidInputError, match="not a transcript of this version"):
        ceremony.read(data)


def test_one_that_is_too_long_is_not_read():
    with pytest.raises(InvalidInputError, match="longer than 262144 bytes"):
        ceremony.read(b"x" * 300_000)
