"""SCRAM-SHA-256, both ends of it, and what a server stores (RFC 5802, RFC 7677).

With SCRAM-SHA-256-PLUS the password also speaks for the TLS connection that it is given over, so
that nobody in between can pass it on (RFC 5802, section 6; PostgreSQL manual, chapter 54.3).
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from pgward.pgwire.errors import WireError
from pgward.pgwire.saslprep import prepared

MECHANISM = "SCRAM-SHA-256"
BOUND = "SCRAM-SHA-256-PLUS"
ITERATIONS = 4096
MOST_ITERATIONS = 1_000_000  # what a server asks for costs the client that much: 0.3 seconds
_NO_BINDING, _NOT_OFFERED, _END_POINT = b"n,,", b"y,,", b"p=tls-server-end-point,,"
_KEY = 32
_NONCE = re.compile(rb"[\x21-\x2b\x2d-\x7e]+")
_COUNT = re.compile(rb"[0-9]{1,7}")
_REFUSED = "28000"

Salting: TypeAlias = Callable[[bytes, bytes, int], bytes]
"""From password, salt and iterations to a key: ``salted``, or one that remembers what it made."""


def salted(password: bytes, salt: bytes, iterations: int) -> bytes:
    """Return the key that all others come from: a millisecond for 4,096 iterations."""
    return hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps of a password; nobody can log in with that."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def make(cls, password: bytes, salt: bytes, iterations: int = ITERATIONS) -> Self:
        """Make one of a password; ``salt`` is 16 random bytes."""
        key = salted(password, salt, iterations)
        return cls(iterations, salt, _stored_key(key), _hmac(key, b"Server Key"))

    @classmethod
    def mock(cls, secret: bytes, user: str) -> Self:
        """Return one that no password fits; to clients a name that is unknown looks as any other.

        ``secret`` is random and stays the same, so that a name has the same salt each time.
        """
        seed = _hmac(secret, user.encode("utf-8", "surrogateescape"))
        keys = _hmac(seed, b"stored"), _hmac(seed, b"server")
        return cls(ITERATIONS, _hmac(seed, b"salt")[:16], *keys)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read one from its text form; raise WireError."""
        found = _VERIFIER.fullmatch(text)
        if found is None:
            raise WireError("a stored password is no SCRAM-SHA-256 verifier")
        count, salt, stored_key, server_key = found.groups()
        made = cls(
            int(count), *(_decoded(each.encode()) for each in (salt, stored_key, server_key))
        )
        if {len(made.stored_key), len(made.server_key)} != {_KEY} or not made.iterations:
            raise WireError("a stored password is no SCRAM-SHA-256 verifier")
        return made

    def __str__(self) -> str:
        keys = f"{_b64(self.stored_key)}:{_b64(self.server_key)}"
        return f"{MECHANISM}${self.iterations}:{_b64(self.salt)}${keys}"

    def fits(self, password: bytes) -> bool:
        """Tell whether it was made of this password; it takes as long as SCRAM itself."""
        key = salted(password, self.salt, self.iterations)
        return hmac.compare_digest(_stored_key(key), self.stored_key)


_VERIFIER = re.compile(r"SCRAM-SHA-256\$([0-9]{1,7}):([\w+/=]+)\$([\w+/=]+):([\w+/=]+)", re.ASCII)


def stored(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password, in its text form."""
    return str(Verifier.make(password.encode(), salt))


class Client:
    """One exchange by ``mechanism``; ``nonce`` is random and of letters other than a comma.

    ``header`` says what the client knows of channel binding, and ``binding`` is what it is by.
    """

    def __init__(
        self,
        password: bytes,
        nonce: str,
        *,
        mechanism: str = MECHANISM,
        header: bytes = _NO_BINDING,
        binding: bytes = b"",
        salting: Salting = salted,
    ) -> None:
        self.mechanism = mechanism
        self.is_proved = False  # whether the server has shown that it knows the password, too
        self._password = password
        self._salting = salting
        self._nonce = nonce.encode("ascii")
        self._bound = b64encode(header + binding)
        self._header = header
        self._bare = b"n=,r=" + self._nonce  # PostgreSQL has the name from the startup packet
        self._signature = b""

    @classmethod
    def choose(
        cls,
        password: bytes,
        nonce: str,
        offered: Collection[str],
        binding: bytes | None,
        *,
        salting: Salting = salted,
    ) -> Self | None:
        """Return the strongest exchange that is offered, None where none of these is.

        ``binding`` is None without TLS, and where the server's certificate has none.
        """
        if BOUND in offered and binding is not None:
            bound = {"mechanism": BOUND, "header": _END_POINT, "binding": binding}
            return cls(password, nonce, salting=salting, **bound)  # type: ignore[arg-type]
        if MECHANISM not in offered:
            return None
        # A server that offered it, and whose offer somebody took out, then knows of that.
        header = _NO_BINDING if binding is None else _NOT_OFFERED
        return cls(password, nonce, header=header, salting=salting)

    def first(self) -> bytes:
        """Return the client's first message."""
        return self._header + self._bare

    def final(self, server_first: bytes) -> bytes:
        """Return the client's final message; raise WireError for what is no answer."""
        fields = _fields(server_first)
        nonce, salt, count = (fields.get(name, b"") for name in (b"r", b"s", b"i"))
        fresh = nonce.startswith(self._nonce) and len(nonce) > len(self._nonce)
        if not fresh or not _COUNT.fullmatch(count) or not 0 < int(count) <= MOST_ITERATIONS:
            raise WireError("the server's SCRAM answer is none")
        key = self._salting(self._password, _decoded(salt), int(count))
        unproved = b"c=" + self._bound + b",r=" + nonce
        text = b",".join((self._bare, server_first, unproved))
        proof = _xor(_hmac(key, b"Client Key"), _hmac(_stored_key(key), text))
        self._signature = _hmac(_hmac(key, b"Server Key"), text)
        return unproved + b",p=" + b64encode(proof)

    def check(self, server_final: bytes) -> None:
        """See that the server knows the password as well; raise WireError."""
        given = _decoded(_fields(server_final).get(b"v", b""))
        if not self._signature or not hmac.compare_digest(given, self._signature):
            raise WireError("the server does not know the password that it asked for")
        self.is_proved = True


class Server:
    """The other end of one exchange; ``binding`` is what the TLS connection has, None for none.

    Both methods raise WireError for what is no SCRAM, or an attempt to weaken it.
    """

    def __init__(self, verifier: Verifier, nonce: str, *, binding: bytes | None) -> None:
        self._verifier = verifier
        self._fresh = nonce.encode("ascii")
        self._binding = binding
        self._bound = b""
        self._nonce = b""
        self._said = b""

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What to offer, the strongest first."""
        return (MECHANISM,) if self._binding is None else (BOUND, MECHANISM)

    def first(self, mechanism: str, client_first: bytes) -> bytes:
        """Return the server's first message, in answer to the client's."""
        if mechanism not in self.mechanisms:
            raise WireError("a SASL mechanism was chosen that was not offered", sqlstate=_REFUSED)
        flag, authorization, bare = _three(client_first)
        header = flag + b"," + authorization + b","
        if authorization:
            raise WireError("a SCRAM client wants to be somebody else", sqlstate="0A000")
        self._bound = b64encode(header + self._bound_by(mechanism, header))
        names = [part[:2] for part in bare.split(b",")[:2]]
        nonce = bare.split(b",")[1][2:] if names == [b"n=", b"r="] else b""
        if not _NONCE.fullmatch(nonce):
            raise WireError("a SCRAM client's first message is none")
        self._nonce = nonce + self._fresh
        count = str(self._verifier.iterations).encode()
        answer = b"r=" + self._nonce + b",s=" + b64encode(self._verifier.salt) + b",i=" + count
        self._said = bare + b"," + answer
        return answer

    def _bound_by(self, mechanism: str, header: bytes) -> bytes:
        """Return what the client must be bound by; raise WireError where its header is wrong."""
        if mechanism == BOUND and header == _END_POINT and self._binding is not None:
            return self._binding
        if mechanism == MECHANISM and header == _NO_BINDING:
            return b""
        if mechanism == MECHANISM and header == _NOT_OFFERED:
            if self._binding is not None:
                raise WireError(
                    "channel binding was offered, and the client did not hear of it: "
                    "somebody may stand in between",
                    sqlstate=_REFUSED,
                )
            return b""
        raise WireError("a SCRAM client's channel binding is none of those offered")

    def final(self, client_final: bytes) -> bytes | None:
        """Return the server's final message, None when the client does not know the password."""
        unproved, separator, proof = client_final.rpartition(b",p=")
        bound, nonce, *_ = [*unproved.split(b","), b""]
        if not self._said or not separator or not bound.startswith(b"c="):
            raise WireError("a SCRAM client's final message is none")
        if not hmac.compare_digest(nonce, b"r=" + self._nonce):
            raise WireError("a SCRAM client's final message belongs to another exchange")
        if not hmac.compare_digest(bound[2:], self._bound):
            raise WireError("SCRAM channel binding check failed", sqlstate=_REFUSED)
        text = self._said + b"," + unproved
        self._said = b""  # one attempt each
        given = _decoded(proof)
        if len(given) != _KEY:
            raise WireError("a SCRAM client's final message is none")
        key = _xor(given, _hmac(self._verifier.stored_key, text))
        if not hmac.compare_digest(hashlib.sha256(key).digest(), self._verifier.stored_key):
            return None
        return b"v=" + b64encode(_hmac(self._verifier.server_key, text))


def _three(client_first: bytes) -> tuple[bytes, bytes, bytes]:
    parts = client_first.split(b",", 2)
    if len(parts) != 3:  # noqa: PLR2004 - two of the header, and the rest
        raise WireError("a SCRAM client's first message is none")
    return parts[0], parts[1], parts[2]


def _fields(text: bytes) -> dict[bytes, bytes]:
    return {part[:1]: part[2:] for part in text.split(b",") if part[1:2] == b"="}


def _stored_key(key: bytes) -> bytes:
    return hashlib.sha256(_hmac(key, b"Client Key")).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise WireError("a SCRAM message is none") from None
