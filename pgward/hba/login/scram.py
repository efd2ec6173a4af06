"""SCRAM-SHA-256 as a client speaks it, and what a server stores (RFC 5802, RFC 7677). Pure.

With SCRAM-SHA-256-PLUS the password also speaks for the TLS connection that it is given over, so
that nobody in between can pass it on (RFC 5802, section 6; PostgreSQL manual, chapter 54.3).
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Collection
from typing import Self

from pgward.core.errors import UnavailableError

MECHANISM = "SCRAM-SHA-256"
BOUND = "SCRAM-SHA-256-PLUS"
_ITERATIONS = 4096
_MOST_ITERATIONS = 100_000  # what a server asks for costs the client that much
_NO_BINDING, _NOT_OFFERED, _END_POINT = "n,,", "y,,", "p=tls-server-end-point,,"


def stored(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password; nobody can log in with that."""
    salted = _salted(password, salt, _ITERATIONS)
    keys = f"{_b64(_stored_key(salted))}:{_b64(_hmac(salted, b'Server Key'))}"
    return f"{MECHANISM}${_ITERATIONS}:{_b64(salt)}${keys}"


class Client:
    """One exchange by ``mechanism``; ``nonce`` is random and of letters other than a comma.

    ``header`` says what the client knows of channel binding, and ``binding`` is what it is by.
    """

    def __init__(
        self,
        password: str,
        nonce: str,
        *,
        mechanism: str = MECHANISM,
        header: str = _NO_BINDING,
        binding: bytes = b"",
    ) -> None:
        self.mechanism = mechanism
        self._password = password
        self._nonce = nonce
        self._bound = _b64(header.encode() + binding)
        self._header = header
        self._bare = f"n=,r={nonce}"
        self._signature = b""

    @classmethod
    def choose(
        cls, password: str, nonce: str, offered: Collection[str], binding: bytes | None
    ) -> Self | None:
        """Return the strongest exchange that is offered, None where none of these is.

        ``binding`` is None without TLS, and where the server's certificate has none.
        """
        if BOUND in offered and binding is not None:
            return cls(password, nonce, mechanism=BOUND, header=_END_POINT, binding=binding)
        if MECHANISM not in offered:
            return None
        # A server that offered it, and whose offer somebody took out, then knows of that.
        return cls(password, nonce, header=_NO_BINDING if binding is None else _NOT_OFFERED)

    def first(self) -> bytes:
        """Return the client's first message."""
        return f"{self._header}{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """Return the client's final message; raise UnavailableError for what is no answer."""
        said = server_first.decode("ascii", "replace")
        fields = _fields(said)
        nonce, salt, count = (fields.get(name, "") for name in "rsi")
        fresh = nonce.startswith(self._nonce) and len(nonce) > len(self._nonce)
        if not fresh or not count.isdecimal() or not 0 < int(count[:9]) <= _MOST_ITERATIONS:
            raise UnavailableError("the server's SCRAM answer is none")
        salted = _salted(self._password, _decoded(salt), int(count))
        unproved = f"c={self._bound},r={nonce}"
        text = f"{self._bare},{said},{unproved}".encode()
        signed = _hmac(_stored_key(salted), text)
        client_key = _hmac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(client_key, signed, strict=True))
        self._signature = _hmac(_hmac(salted, b"Server Key"), text)
        return f"{unproved},p={_b64(proof)}".encode()

    def check(self, server_final: bytes) -> None:
        """See that the server knows the password as well; raise UnavailableError."""
        given = _decoded(_fields(server_final.decode("ascii", "replace")).get("v", ""))
        if not self._signature or not hmac.compare_digest(given, self._signature):
            raise UnavailableError("the server does not know the password that it asked for")


def _fields(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def _stored_key(salted: bytes) -> bytes:
    return hashlib.sha256(_hmac(salted, b"Client Key")).digest()


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise UnavailableError("the server's SCRAM answer is none") from None
