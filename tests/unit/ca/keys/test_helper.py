"""Helpers that work, hang, lie, die and write garbage: each is a real program."""

import json
import stat
import sys
import threading
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pgward.ca.keys import helper
from pgward.ca.keys.errors import SigningError
from pgward.ca.keys.helper import Helper
from pgward.ca.keys.signer import KeySigner
from pgward.pki import key_types, keys
from pgward.pki.key_types import KeyType
from tests.fixtures.signed import sign_everything

EXAMPLE = Path(__file__).parents[4] / "examples" / "pgward-signer.py"


def public_pem(key_type: KeyType) -> str:
    key = key_types.generate(key_type).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


P521 = (
    ec.generate_private_key(ec.SECP521R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def says(**members) -> str:
    """Return the shell command that answers the second request with these members."""
    answer = {"id": 2, **members}
    return f"cat <<'END'\n{json.dumps(answer, ensure_ascii=False)}\nEND\n:"


def _sign_arguments(key_type: KeyType, data: bytes):
    return (data,) if key_type is KeyType.ED25519 else (data, ec.ECDSA(hashes.SHA256()))


# Answers "public" honestly and then, when asked to sign, does something else, all in sh(1).
LIAR = """#!/bin/sh
read -r asked
cat <<'END'
{public}
END
read -r asked
{action}
"""


@pytest.fixture(autouse=True)
def _keys(tmp_path, monkeypatch):
    monkeypatch.setenv("PGWARD_SIGNER_KEYS", str(tmp_path / "keys"))


@pytest.fixture
def start():
    started = []

    def make(program=EXAMPLE, seconds: float = 10) -> Helper:
        started.append(Helper(str(program), seconds))
        return started[-1]

    yield make
    for each in started:
        each.close()


@pytest.fixture
def program(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "program"
        path.write_text(text)
        path.chmod(0o700)
        return path

    return write


@pytest.fixture
def liar(program, start):
    """A helper that does ``action`` in place of signing."""

    def make(action: str, key_type=KeyType.P256, seconds: float = 10):
        public = json.dumps({"id": 1, "public_key": public_pem(key_type)})
        return start(program(LIAR.format(public=public, action=action)), seconds).load("a")

    return make


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_everything_that_a_ca_signs_verifies(start, key_type):
    helper = start()
    made = helper.create("a", key_type)
    assert key_types.of(made.public_key()) is key_type
    sign_everything(KeySigner(made))
    assert helper.load("a").public_key() == made.public_key()


def test_a_long_message_passes(start):
    key = start().create("a", KeyType.ED25519)
    key.public_key().verify(key.sign(b"x" * 1_000_000), b"x" * 1_000_000)


def test_what_the_helper_refuses_is_told_in_its_words(start):
    with pytest.raises(SigningError, match=r"pgward-signer\.py says: there is no key b") as caught:
        start().load("b")
    assert caught.value.hint == "what it wrote on stderr may say more"


HONEST = keys.generate().sign(b"something else", ec.ECDSA(hashes.SHA256()))
LIES = [
    (says(signature="AAAA"), "a signature that its public key does not verify"),
    (says(signature=b64encode(HONEST).decode()), "a signature that its public key does not verify"),
    (says(signature="%%%"), "a signature that is not base64"),
    (says(signature=7), "answered without signature"),
    (says(signature="é"), "answered without signature"),
    (says(), "answered without signature"),
    (says(id=3), "or to another request"),
    (says(id=None), "or to another request"),
    ("echo '[]'", "or to another request"),
    ("echo garbage", "something that is not pgward-signer/1"),
    ("head -c 60000 /dev/zero | tr '\\0' '['; echo", "something that is not pgward-signer/1"),
    (r"printf '\377\n'", "something that is not pgward-signer/1"),
    ("head -c 70000 /dev/zero", "answered more than 65536 bytes"),
    (r"printf '{}\n{}\n'", "answered more than one line"),
    ("printf '{'; exit", "ended within an answer"),
    (says(error="no\x1b[31m way" + "x" * 999), r"says: no \[31m way"),
    (says(error=7), "says: an error that is not text"),
]


@pytest.mark.parametrize(("action", "message"), LIES, ids=range(len(LIES)))
def test_a_helper_that_does_not_answer_honestly_is_told(liar, action, message):
    key = liar(f"{action}; read -r asked")
    with pytest.raises(SigningError, match=message) as caught:
        sign_everything(KeySigner(key))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("exit 3", r"ended before it answered \(exit status 3\)"),
        ("kill -9 $$", r"ended before it answered \(killed by SIGKILL\)"),
        ("exec 1>&-; read -r asked", r"ended before it answered \(it closed its output\)"),
    ],
)
def test_a_helper_that_dies_is_tried_once_more_and_told(program, start, end, message):
    with pytest.raises(SigningError, match=message):
        start(program(f"#!/bin/sh\nread -r asked\n{end}\n")).load("a")


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.ED25519])
def test_a_helper_that_hangs_is_not_waited_for(liar, key_type):
    key = liar("exec sleep 600", key_type, seconds=0.3)
    with pytest.raises(SigningError, match="did not answer in time"):
        key.sign(*_sign_arguments(key_type, b"x" * 1_000_000))


def test_what_went_wrong_does_not_last(program, start):
    path = program("#!/bin/sh\nread -r asked\necho garbage\n")
    helper = start(path)
    with pytest.raises(SigningError):
        helper.load("a")
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {EXAMPLE}\n")
    sign_everything(KeySigner(helper.create("a", KeyType.P256)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"public_key": "x"}, "a public key that cannot be read"),
        ({"public_key": None}, "answered without public_key"),
        ({"public_key": public_pem(KeyType.ED25519)}, "made a key of type ed25519, not p256"),
        ({"public_key": P521}, "has a key that does not suit: a CA cannot have"),
    ],
)
def test_a_public_key_that_does_not_suit_is_told(program, start, answer, message):
    told = json.dumps({"id": 1, **answer})
    helper = start(program(f"#!/bin/sh\nread -r asked\ncat <<'END'\n{told}\nEND\n"))
    with pytest.raises(SigningError, match=message):
        helper.create("a", KeyType.P256)


def test_one_that_ends_after_each_answer_is_started_again(program, start):
    once = program(f"#!/bin/sh\nhead -n 1 | exec {sys.executable} {EXAMPLE}\n")
    sign_everything(KeySigner(start(once).create("a", KeyType.P256)))


def test_many_threads_may_sign(start):
    signer = KeySigner(start().create("a", KeyType.P256))
    threads = [threading.Thread(target=sign_everything, args=(signer,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sign_everything(signer)


def test_a_program_that_cannot_be_started_is_told(tmp_path, start):
    with pytest.raises(SigningError, match="cannot be started: no such file or directory"):
        start(tmp_path / "nowhere").load("a")
    (tmp_path / "plain").write_text("")
    with pytest.raises(SigningError, match="cannot be started: permission denied") as caught:
        start(tmp_path / "plain").load("a")
    assert "executable" in caught.value.hint


def test_the_example_keeps_its_keys_to_itself(start, tmp_path):
    start().create("a", KeyType.P256)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / "a.pem").stat().st_mode) == 0o600
    with pytest.raises(SigningError, match="there is a key a already"):
        start().create("a", KeyType.P256)


def test_the_protocol_has_a_name():
    assert helper.PROTOCOL in EXAMPLE.read_text()
