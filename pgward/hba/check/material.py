"""The files that TLS settings name, as they were found: facts alone, and nothing judged.

Paths, modes and owners, what stands in certificates, keys and revocation lists, and when that was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CERTIFICATE, KEY, CA = "ssl_cert_file", "ssl_key_file", "ssl_ca_file"
LISTS, LISTS_DIRECTORY = "ssl_crl_file", "ssl_crl_dir"
DEFAULTS = {CERTIFICATE: "server.crt", KEY: "server.key", CA: "", LISTS: "", LISTS_DIRECTORY: ""}
"""The settings, and what each is where it is not set (manual, section 19.3.3)."""


class Owner(StrEnum):
    """To whom a file belongs, as far as PostgreSQL asks."""

    SERVER = "the server's account"
    ROOT = "root"
    OTHER = "another account"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What counts of a certificate; names as RFC 4514 writes them.

    ``subject_id`` and ``issuer_id`` are the names as OpenSSL compares them (``names.identity``),
    ``key_id`` and ``authority_id`` the key identifiers of its own and its issuer's key, in hex,
    empty where it has none. ``is_server`` is whether its usages let it be a server's.
    """

    subject: str
    issuer: str
    starts: datetime
    ends: datetime
    key: str = "EC 256"
    weakness: str = ""
    is_server: bool = True
    subject_id: str = ""
    issuer_id: str = ""
    key_id: str = ""
    authority_id: str = ""
    public_key: str = ""

    @property
    def is_root(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.subject_id == self.issuer_id and self.authority_id in {"", self.key_id}

    def is_current(self, now: datetime) -> bool:
        """Tell whether it counts at this time."""
        return self.starts <= now < self.ends


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What counts of a CRL; ``ends`` is None where it does not say when the next one comes.

    ``partial`` says why OpenSSL would not take it for a full list, or is empty.
    """

    issuer: str
    starts: datetime
    ends: datetime | None
    issuer_id: str = ""
    authority_id: str = ""
    partial: str = ""

    def is_current(self, now: datetime) -> bool:
        """Tell whether it counts at this time."""
        return self.starts <= now and (self.ends is None or now < self.ends)

    def is_of(self, ca: Certificate) -> bool:
        """Tell whether it is a CA's, by name and by key where both say which."""
        same_key = not self.authority_id or not ca.key_id or self.authority_id == ca.key_id
        return self.issuer_id == ca.subject_id and same_key


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of ``ssl_crl_dir``, and the lists in it."""

    name: str
    lists: tuple[RevocationList, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsFile:
    """What a setting names: a file, or the directory of revocation lists.

    ``problem`` says why it is of no use; of what is not there at all the rest means nothing.
    ``exposed`` are what else may change it: itself, or
    directories above it, that others may write to. ``public_key`` is that of a private key, None
    where it is not known, as when it is ``encrypted``.
    """

    setting: str
    path: str
    problem: str | None = None
    mode: int = 0o600
    owner: Owner = Owner.SERVER
    exposed: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    lists: tuple[RevocationList, ...] = ()
    entries: tuple[Entry, ...] = ()
    public_key: str | None = None
    encrypted: bool = False
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Material:
    """All of it, at the time ``now``."""

    now: datetime
    files: Sequence[TlsFile]

    def of(self, setting: str) -> TlsFile | None:
        """Return what a setting names, or None where it names nothing."""
        return next((each for each in self.files if each.setting == setting), None)

    @property
    def cas(self) -> tuple[Certificate, ...]:
        """The CAs whose certificates the server takes."""
        found = self.of(CA)
        return () if found is None else found.certificates

    def lists(self) -> Iterator[tuple[TlsFile, RevocationList]]:
        """Yield the revocation lists that OpenSSL finds, with the setting's file."""
        for each in self.files:
            yield from ((each, one) for one in each.lists)
            for entry in each.entries:
                if is_found(entry, each.entries):
                    yield from ((each, one) for one in entry.lists)

    def ends_soon(self, starts: datetime, ends: datetime) -> bool:
        """Tell whether less than a quarter of a life is left, and less than a month."""
        return ends - self.now <= min((ends - starts) / 4, timedelta(days=30))


def wanted_names(entry: Entry) -> list[str]:
    """Return the names of a file of ``ssl_crl_dir`` that OpenSSL would open for its lists."""
    return sorted({f"{hashed(each.issuer_id)}.r" for each in entry.lists})


def is_found(entry: Entry, entries: Sequence[Entry]) -> bool:
    """Tell whether OpenSSL opens a file: by its issuer's hash, counted from 0 without a gap."""
    names = {each.name for each in entries}
    return any(
        entry.name == f"{start}{number}"
        and all(f"{start}{before}" in names for before in range(number))
        for start in wanted_names(entry)
        for number in range(len(entries))
    )


def hashed(identity: str) -> str:
    """Return what ``openssl crl -hash`` says of a name: its first four bytes, the last first."""
    return bytes.fromhex(identity[:8])[::-1].hex()
