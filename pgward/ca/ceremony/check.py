"""Checks a transcript against what is there now: the CA's directory, and the roots' keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from pgward.ca import hierarchy
from pgward.ca.ceremony import requests
from pgward.ca.ceremony import transcript as ceremony
from pgward.ca.ceremony.transcript import Entry, Transcript
from pgward.ca.generations import ROOTS
from pgward.ca.issuing import lint, profiles
from pgward.ca.keys import key_file
from pgward.ca.settings import FILE
from pgward.core.errors import NotFoundError, PgwardError
from pgward.pki import keys


class Outcome(StrEnum):
    """What came of one check."""

    OK = "ok"
    NOTE = "note"  # could not be checked, or may well differ
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look; the roots' keys may be away, and their passphrase unknown."""

    directory: Path
    root_keys: Path | None = None
    root_passphrase: bytes | None = None


def check(transcript: Transcript, places: Places) -> list[Finding]:
    """Return every finding, in the order of the transcript."""
    return [
        *_certificates(transcript),
        *(each for entry in transcript.entries for each in _installed(entry, places.directory)),
        *(each for path, sha in transcript.files for each in _file(path, sha, places)),
        *_roots(transcript, places),
    ]


def _certificates(transcript: Transcript) -> Iterator[Finding]:
    """Check the listed certificates among themselves: by profile, and by who signed whom."""
    listed = {entry.name: entry.document for entry in transcript.entries}
    for entry in transcript.entries:
        if isinstance(entry.document, x509.CertificateSigningRequest):
            yield _told(entry.document.is_signature_valid, f"{entry.name} asks for its own key")
            continue
        parent = listed.get(_ROOT_OF.get(entry.name, entry.name))
        issuer = parent if isinstance(parent, x509.Certificate) else entry.document
        is_root = issuer is entry.document
        profile = profiles.ROOT if is_root else profiles.ISSUING
        try:
            lint.check(entry.document, profile, None if is_root else issuer)
            hierarchy.check_issued(entry.document, issuer, entry.name, "its root")
        except PgwardError as error:
            yield Finding(Outcome.WRONG, f"{entry.name}: {error.message}")
        else:
            yield Finding(Outcome.OK, f"{entry.name} is as the profile says, and signed rightly")


def _installed(entry: Entry, directory: Path) -> Iterator[Finding]:
    """Compare with the certificate, or the request, in the CA's directory."""
    try:
        if isinstance(entry.document, x509.Certificate):
            found = hierarchy.certificate(directory, entry.name)
            yield _told(found == entry.document, f"{entry.name} in the directory is the same")
            return
        request = requests.load(directory, entry.name)
        yield _told(request == entry.document, f"the request of {entry.name} is the same")
        found = hierarchy.certificate(directory, entry.name)
    except NotFoundError as error:
        missing = isinstance(entry.document, x509.Certificate)
        yield Finding(Outcome.WRONG if missing else Outcome.NOTE, error.message)
    except PgwardError as error:
        yield Finding(Outcome.WRONG, error.message)
    else:
        same = keys.spki_sha256(found.public_key()) == keys.spki_sha256(entry.key)
        yield _told(same, f"{entry.name} was certified for the key that asked")


def _file(path: str, sha256: str, places: Places) -> Iterator[Finding]:
    place, _, name = path.partition("/")
    top = places.root_keys if place == "offline" else places.directory
    if top is None:
        yield Finding(Outcome.NOTE, f"{path}: not looked at, as nothing says where it is")
        return
    try:
        data = (top / name).read_bytes()
    except FileNotFoundError:
        away = place == "ca" and name in _ROOT_FILES
        text = f"{path}: not there any more" + (", as it should be offline" if away else "")
        yield Finding(Outcome.NOTE if away else Outcome.WRONG, text)
        return
    except OSError as error:
        yield Finding(Outcome.WRONG, f"{path}: {(error.strerror or 'unreadable').lower()}")
        return
    same = ceremony.of_file(data) == sha256
    if not same and name == FILE:
        yield Finding(Outcome.NOTE, f"{path}: changed since, as settings may be")
    else:
        yield _told(same, f"{path} is the same")


def _roots(transcript: Transcript, places: Places) -> Iterator[Finding]:
    """See that offline keys are not in the directory, and that they are those of the roots."""
    for entry in transcript.entries:
        name = f"{entry.name}.key"
        if not entry.key_at.startswith("offline/"):
            continue
        online = (places.directory / hierarchy.KEYS / name).exists()
        yield _told(not online, f"the key of {entry.name} is not in the CA's directory")
        if places.root_keys is None or places.root_passphrase is None:
            yield Finding(Outcome.NOTE, f"the key of {entry.name} was not opened")
            continue
        try:
            key = key_file.load(places.root_keys / name, places.root_passphrase)
        except PgwardError as error:
            yield Finding(Outcome.WRONG, error.message)
        else:
            same = key.public_key() == entry.key
            yield _told(same, f"the key of {entry.name} is that of its certificate")


def _told(good: bool, text: str) -> Finding:
    return Finding(Outcome.OK if good else Outcome.WRONG, text if good else f"not so: {text}")


_ROOT_OF = {str(issuing): str(root) for issuing, root in ROOTS.items()}
_ROOT_FILES = {f"{hierarchy.KEYS}/{name}.key" for name in ROOTS.values()}
