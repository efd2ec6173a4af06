"""The age file format, encrypted with a passphrase: written and read as a stream.

Any age program opens what this writes (``age -d``), and this reads what they encrypted with a
passphrase. Format: https://c2sp.org/age. Every chunk is authenticated before it is passed on, and
the last one is marked, so a file that was cut or changed is noticed.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from secrets import token_bytes
from types import TracebackType
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pgward.core.errors import InvalidInputError

WORK = 18  # scrypt's cost: 256 MiB and about a second
_MOST_WORK = 20
_CHUNK = 64 * 1024
_TAG = 16
_KEY, _SALT, _NONCE = 16, 16, 16
VERSION = b"age-encryption.org/v1\n"
_MOST_HEADER = 512
_HEADER = re.compile(
    rb"(?P<signed>age-encryption\.org/v1\n"
    rb"-> scrypt (?P<salt>[A-Za-z0-9+/]{22}) (?P<work>[1-9][0-9]?)\n"
    rb"(?P<body>[A-Za-z0-9+/]{43})\n"
    rb"---) (?P<mac>[A-Za-z0-9+/]{43})\n"
)


class AgeError(InvalidInputError):
    """The file is no age file for a passphrase, is damaged, or has another passphrase."""


class Writable(Protocol):
    """What the encrypted bytes go to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


class Readable(Protocol):
    """What the encrypted bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


class Encryptor:
    """A writer; ``close`` writes the last chunk, without which nobody can read the file.

    As a context manager it is closed at the end of a block that did not fail.
    """

    def __init__(
        self,
        target: Writable,
        passphrase: bytes,
        *,
        work: int | None = None,
        random: Callable[[int], bytes] = token_bytes,
    ) -> None:
        key, nonce = random(_KEY), random(_NONCE)
        target.write(_header(key, random(_SALT), passphrase, work or WORK) + nonce)
        self._target = target
        self._sealing = _Stream(key, nonce)
        self._pending = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Encrypt; a whole chunk goes on as soon as it is certain not to be the last one."""
        self._pending += data
        while len(self._pending) > _CHUNK:
            self._target.write(self._sealing.seal(bytes(self._pending[:_CHUNK]), last=False))
            del self._pending[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Do nothing: half a chunk cannot be encrypted."""

    def close(self) -> None:
        """Write the last chunk; call it once."""
        self._target.write(self._sealing.seal(bytes(self._pending), last=True))
        self._pending.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()


def decrypt(source: Readable, passphrase: bytes) -> Iterator[bytes]:
    """Yield the plaintext, chunk by chunk; raise AgeError, at the latest after the last chunk."""
    found, rest = _read_header(source)
    yield from opened(_open(found, passphrase), source, rest)


def sealed(key: bytes, nonce: bytes, data: bytes) -> Iterator[bytes]:
    """Yield what follows the nonce in a file that holds ``data``."""
    stream, size = _Stream(key, nonce), max(1, len(data))
    for start in range(0, size, _CHUNK):
        yield stream.seal(data[start : start + _CHUNK], last=start + _CHUNK >= size)


def opened(key: bytes, source: Readable, rest: bytes = b"") -> Iterator[bytes]:
    """Yield what a file holds, ``rest`` and ``source`` are what follows its header."""
    nonce, rest = _take(source, rest, _NONCE)
    stream, chunk = _Stream(key, nonce), _CHUNK + _TAG
    block, rest = _take(source, rest, chunk)
    while True:
        following, rest = _take(source, rest, chunk)
        yield stream.open(block, last=not following)
        if not following:
            return
        block = following


class _Stream:
    """STREAM with ChaCha20-Poly1305: a nonce is the chunk's number and whether it is the last."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._cipher = ChaCha20Poly1305(derive(key, nonce, b"payload"))
        self._number = 0

    def seal(self, chunk: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), chunk, None)

    def open(self, chunk: bytes, *, last: bool) -> bytes:
        first = self._number == 0
        try:
            data = self._cipher.decrypt(self._nonce(last=last), chunk, None)
        except InvalidTag as error:
            raise AgeError("it is damaged, or not complete") from error
        if not data and not first:
            raise AgeError("it is damaged: its last part is empty")
        return data

    def _nonce(self, *, last: bool) -> bytes:
        number, self._number = self._number, self._number + 1
        return number.to_bytes(11, "big") + bytes([last])


def _header(key: bytes, salt: bytes, passphrase: bytes, work: int) -> bytes:
    wrapping = ChaCha20Poly1305(_stretch(passphrase, salt, work))
    body = wrapping.encrypt(bytes(12), key, None)
    stanza = b"-> scrypt %s %d\n%s\n---" % (base64(salt), work, base64(body))
    signed = VERSION + stanza
    return b"%s %s\n" % (signed, base64(mac(key, signed).finalize()))


def _read_header(source: Readable) -> tuple[re.Match[bytes], bytes]:
    data, _ = _take(source, b"", _MOST_HEADER)
    if not data.startswith(VERSION):
        raise AgeError("it is not an age file")
    found = _HEADER.match(data)
    if found is None:
        raise AgeError("it is not encrypted with a passphrase alone, or its header is damaged")
    return found, data[found.end() :]


def _open(found: re.Match[bytes], passphrase: bytes) -> bytes:
    work = int(found["work"])
    if work > _MOST_WORK:
        raise AgeError(f"it wants a work factor of {work}; at most {_MOST_WORK} is taken")
    salt, body, told = (unbase64(found[name]) for name in ("salt", "body", "mac"))
    try:
        key = ChaCha20Poly1305(_stretch(passphrase, salt, work)).decrypt(bytes(12), body, None)
    except InvalidTag as error:
        raise AgeError("the passphrase is wrong", hint="or the file's header is damaged") from error
    try:
        mac(key, found["signed"]).verify(told)
    except InvalidSignature as error:
        raise AgeError("its header is damaged") from error
    return key


def _take(source: Readable, rest: bytes, size: int) -> tuple[bytes, bytes]:
    """Return so many bytes, or what is left at the end, and what is over."""
    parts, have = [rest], len(rest)
    while have < size and (data := source.read(size - have)):
        parts.append(data)
        have += len(data)
    joined = b"".join(parts)
    return joined[:size], joined[size:]


def _stretch(passphrase: bytes, salt: bytes, work: int) -> bytes:
    label = b"age-encryption.org/v1/scrypt"
    return Scrypt(salt=label + salt, length=32, n=1 << work, r=8, p=1).derive(passphrase)


def derive(key: bytes, salt: bytes | None, info: bytes) -> bytes:
    """Return a key of 32 bytes that follows from another (HKDF-SHA-256, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def mac(key: bytes, signed: bytes) -> hmac.HMAC:
    """Return the sum of a header, not finished yet."""
    made = hmac.HMAC(derive(key, None, b"header"), hashes.SHA256())
    made.update(signed)
    return made


def base64(data: bytes) -> bytes:
    """Return base64 without padding."""
    return b64encode(data).rstrip(b"=")


def unbase64(text: bytes) -> bytes:
    """Read base64 without padding; raise AgeError."""
    data = b64decode(text + b"=" * (-len(text) % 4))
    if base64(data) != text:
        raise AgeError("its header is damaged")
    return data
