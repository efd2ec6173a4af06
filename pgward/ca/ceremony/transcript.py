"""The transcript of a ceremony: what was made, by whom, where and when, for a second person. Pure.

Plain text, always in the same order. Its last line is the SHA-256 of everything above it: whoever
was there writes that down, and knows the file again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import InvalidInputError
from pgward.pki import key_types, keys
from pgward.pki.key_types import VerifyingKey

TITLE = "pgward ceremony transcript, format 1"
_MAX_BYTES = 256 * 1024
_SEAL = "sha256: "
_HEX = re.compile(r"[0-9a-f]{64}")
_PEM = re.compile(
    r"-----BEGIN (CERTIFICATE(?: REQUEST)?)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One CA: its key, and its certificate, or the request for one."""

    name: str
    key_at: str
    document: x509.Certificate | x509.CertificateSigningRequest

    @property
    def key(self) -> VerifyingKey:
        """Its public key; raise BadKeyError for one that no CA here may have."""
        return key_types.verifying(self.document.public_key())


@dataclass(frozen=True, slots=True)
class Transcript:
    """Facts are label and value, in order; files are path and SHA-256 in hex."""

    facts: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    files: tuple[tuple[str, str], ...] = field(default=())

    def fact(self, label: str) -> str:
        """Return what it says of something, or nothing."""
        return next((value for name, value in self.facts if name == label), "")


def write(transcript: Transcript) -> str:
    """Return the text, sealed."""
    text = "\n".join(_lines(transcript)) + "\n"
    return f"{text}{_SEAL}{seal(text)}\n"


def seal(text: str) -> str:
    """Return the SHA-256 of what stands above the last line."""
    return hashlib.sha256(text.encode()).hexdigest()


def read(data: bytes) -> Transcript:
    """Read a transcript whose seal is whole; raise InvalidInputError.

    What is read is written again and compared: nothing else can stand in it.
    """
    if len(data) > _MAX_BYTES:
        raise InvalidInputError(f"the transcript is longer than {_MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        body, mark, sealed = text.removesuffix("\n").rpartition(f"\n{_SEAL}")
        whole = bool(mark) and seal(f"{body}\n") == sealed
        found = _read(body)
    except (ValueError, KeyError) as error:
        raise InvalidInputError("that is not a transcript of this version") from error
    if not whole or write(found) != text:
        raise InvalidInputError(
            "the transcript was changed: its last line is not the SHA-256 of what is above it"
        )
    return found


def sealed_by(data: bytes) -> str:
    """Return the SHA-256 in the last line."""
    return data.decode("utf-8", "replace").strip().rpartition(_SEAL)[2]


def of_file(data: bytes) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(data).hexdigest()


def _lines(transcript: Transcript) -> Iterator[str]:
    yield TITLE
    yield ""
    for label, value in transcript.facts:
        yield f"{label}: {_plain(value)}"
    for entry in transcript.entries:
        yield from ("", *_entry_lines(entry))
    yield ""
    for path, digest in transcript.files:
        yield f"file {digest}: {_plain(path)}"


def _entry_lines(entry: Entry) -> Iterator[str]:
    document = entry.document
    yield f"CA: {entry.name}"
    yield f"key: {key_types.of(entry.key)}, {_plain(entry.key_at)}"
    yield f"key SHA-256: {keys.spki_sha256(entry.key)}"
    yield f"subject: {_plain(document.subject.rfc4514_string())}"
    if isinstance(document, x509.Certificate):
        yield f"serial: {document.serial_number:x}"
        yield f"from: {document.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
        yield f"until: {document.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        yield f"certificate SHA-256: {of_file(document.public_bytes(Encoding.DER))}"
    yield document.public_bytes(Encoding.PEM).decode("ascii").rstrip("\n")


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _read(body: str) -> Transcript:
    title, facts, *entries, listed = body.split("\n\n")
    if title != TITLE:
        raise ValueError(title)
    return Transcript(
        tuple(_pair(line) for line in facts.splitlines()),
        tuple(_read_entry(block) for block in entries),
        tuple(_read_file(line) for line in listed.splitlines()),
    )


def _pair(line: str) -> tuple[str, str]:
    label, mark, value = line.partition(": ")
    if not mark:
        raise ValueError(line)
    return label, value


def _read_entry(block: str) -> Entry:
    values = dict(_pair(line) for line in block.partition("-----BEGIN")[0].splitlines())
    found = _PEM.search(f"{block}\n")
    if found is None:
        raise ValueError(block)
    is_request = found[1] != "CERTIFICATE"
    load = x509.load_pem_x509_csr if is_request else x509.load_pem_x509_certificate
    return Entry(values["CA"], values["key"].partition(", ")[2], load(found[0].encode()))


def _read_file(line: str) -> tuple[str, str]:
    label, path = _pair(line)
    digest = label.removeprefix("file ")
    if not _HEX.fullmatch(digest):
        raise ValueError(line)
    return path, digest


def digests(found: Iterable[tuple[str, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return files with their SHA-256, in the order of their paths."""
    return tuple(sorted((path, of_file(data)) for path, data in found))
