"""Keys behind a helper program: a KMS, or anything that pgward does not speak itself.

The protocol, pgward-signer/1, is one line of JSON in and one out: docs/reference/signer.md. The
helper is started when it is first needed and kept; one that ends after an answer is started again.
Nothing that it says is believed: answers are bounded in size and time, and every signature is
verified with the public key before it is used.
"""

import binascii
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pgward.ca.keys import foreign
from pgward.ca.keys.conversation import Conversation
from pgward.ca.keys.errors import SigningError
from pgward.core.errors import PgwardError
from pgward.pki import key_types
from pgward.pki.key_types import KeyType, SigningKey, VerifyingKey

PROTOCOL = "pgward-signer/1"
_MAX_REASON = 200
_END_SECONDS = 1.0


class Helper:
    """One helper program; one request at a time, from any thread."""

    def __init__(self, program: str, seconds: float) -> None:
        self._program = program
        self._seconds = seconds
        self._lock = threading.Lock()
        self._conversation: Conversation | None = None
        self._number = 0

    def load(self, name: str) -> SigningKey:
        """Return the key that the helper knows as ``name``; raise SigningError."""
        return self._adopt(name, self._public_key(self._ask({"op": "public", "key": name})))

    def create(self, name: str, key_type: KeyType) -> SigningKey:
        """Have a key made; raise SigningError, also when it is of another type."""
        request = {"op": "create", "key": name, "type": key_type.value}
        key = self._public_key(self._ask(request, fresh=True))
        if key_types.of(key) is not key_type:
            raise self._error(f"made a key of type {key_types.of(key)}, not {key_type}")
        return self._adopt(name, key)

    def close(self) -> None:
        """End the program: it sees the end of its input, and is killed if that is not enough."""
        with self._lock:
            self._drop()

    def _adopt(self, name: str, key: VerifyingKey) -> SigningKey:
        def sign(data: bytes) -> bytes:
            return self._sign(name, key, data)

        return foreign.adopt(key, sign, f"{name} at {self._program}")

    def _sign(self, name: str, key: VerifyingKey, data: bytes) -> bytes:
        request = {"op": "sign", "key": name, **_what(key, data)}
        try:
            return b64decode(self._text(self._ask(request), "signature"), validate=True)
        except binascii.Error as error:
            raise self._error("answered a signature that is not base64") from error

    def _public_key(self, answer: dict[str, Any]) -> VerifyingKey:
        pem = self._text(answer, "public_key")
        try:
            return key_types.verifying(serialization.load_pem_public_key(pem.encode()))
        except PgwardError as error:
            raise self._error(f"has a key that does not suit: {error.message}") from error
        except Exception as error:  # the parser raises several kinds, and names none as its own
            raise self._error("answered a public key that cannot be read") from error

    def _ask(self, request: Mapping[str, object], *, fresh: bool = False) -> dict[str, Any]:
        with self._lock:
            self._number += 1
            asked = {"protocol": PROTOCOL, "id": self._number, **request}
            line = json.dumps(asked, separators=(",", ":")).encode() + b"\n"
            try:
                return self._read(self._exchange(line, fresh=fresh))
            except SigningError:
                self._drop(seconds=0)  # a late answer would be taken for that to the next request
                raise

    def _exchange(self, line: bytes, *, fresh: bool) -> bytes:
        """Send a line and return the answer; start the helper if it ended since the last one."""
        if fresh:
            self._drop()
        running = self._conversation
        if running is not None:
            answer = running.exchange(line, self._seconds)
            if answer is not None:
                return answer
            self._drop()
        self._conversation = Conversation(self._program)
        answer = self._conversation.exchange(line, self._seconds)
        if answer is None:
            raise self._error(f"ended before it answered ({self._conversation.ended()})")
        return answer

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._error(f"answered something that is not {PROTOCOL}") from error
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise self._error(f"answered something that is not {PROTOCOL}, or to another request")
        if "error" in answer:
            raise self._error(f"says: {_printable(answer['error'])}")
        return answer

    def _text(self, answer: dict[str, Any], member: str) -> str:
        value = answer.get(member)
        if not isinstance(value, str) or not value.isascii():
            raise self._error(f"answered without {member}")
        return value

    def _drop(self, seconds: float = _END_SECONDS) -> None:
        if self._conversation is not None:
            self._conversation.close(seconds=seconds)
            self._conversation = None

    def _error(self, what: str) -> SigningError:
        return SigningError(
            f"the helper {self._program} {what}", hint="what it wrote on stderr may say more"
        )


def _what(key: VerifyingKey, data: bytes) -> dict[str, str]:
    """Return how to sign, and what: the hash of the data where the algorithm has one."""
    algorithm = key_types.signing_hash(key)
    if algorithm is None:
        return {"algorithm": "ed25519", "message": b64encode(data).decode("ascii")}
    family = "rsa-pkcs1" if isinstance(key, rsa.RSAPublicKey) else "ecdsa"
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return {
        "algorithm": f"{family}-{algorithm.name}",
        "digest": b64encode(digest.finalize()).decode("ascii"),
    }


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else "an error that is not text"
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MAX_REASON])
