"""The files that TLS settings name, read as the server's account, for ``check``.

What cannot be read is a fact like others. No key leaves this module: only its public half does.
"""

import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from pgward.hba.check import certificates
from pgward.hba.check.material import (
    CA,
    CERTIFICATE,
    DEFAULTS,
    KEY,
    LISTS,
    LISTS_DIRECTORY,
    Entry,
    Material,
    Owner,
    RevocationList,
    TlsFile,
)
from pgward.hba.server.access import Access, Status
from pgward.hba.server.disk import DiskError
from pgward.hba.server.local import LOCAL
from pgward.hba.syntax.files import FileProblemError
from pgward.pki.errors import DerError
from pgward.system.postgres import Account

_END_OF_LIST = b"-----END X509 CRL-----"
_BEGIN_OF_LIST = b"-----BEGIN X509 CRL-----"
_MOST_ENTRIES = 1000
_FIRST_WITH_DIRECTORY = 14
_BAD = (ValueError, TypeError, DerError)
# OpenSSL may well take it.
_BEYOND_US = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
_BITS = 0o7777
_WHAT = {CERTIFICATE: "certificate", CA: "certificate", KEY: "private key", LISTS: "CRL"}


def read(
    directory: Path,
    account: Account,
    values: Mapping[str, str],
    version: int,
    now: datetime,
    *,
    access: Access = LOCAL,
) -> Material:
    """Return what the settings name; relative names are below ``directory``.

    ``now`` is by this machine's clock. The server's own decides when something ends.
    """
    reader = _Reader(account, access)
    found = []
    for setting, default in DEFAULTS.items():
        named = values.get(setting, default)
        if named and (setting != LISTS_DIRECTORY or version >= _FIRST_WITH_DIRECTORY):
            found.append(reader.file(setting, directory / named))
    return Material(now + access.ahead, tuple(found))


class _Reader:
    """Reads as one account."""

    def __init__(self, account: Account, access: Access) -> None:
        self._account = account
        self._disk = access.disk(account)
        self._names = access.config_files(account).names

    def file(self, setting: str, path: Path) -> TlsFile:
        """Return what there is at a path; nothing is raised."""
        try:
            status = self._disk.statuses([path])[0]
            exposed = tuple(self._exposed(path, status))
        except DiskError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            said = error.message.rpartition(": ")[2]
            problem = f"there is no {path}" if missing else said
            return TlsFile(setting, str(path), problem, is_there=False)
        known = TlsFile(
            setting,
            str(path),
            mode=status.mode & _BITS,
            owner=self._owner(status),
            exposed=exposed,
        )
        wanted = stat.S_ISDIR if setting == LISTS_DIRECTORY else stat.S_ISREG
        if not wanted(status.mode):
            what = "directory" if setting == LISTS_DIRECTORY else "plain file"
            return _with(known, problem=f"it is no {what}")
        return self._contents(setting, path, known)

    def _contents(self, setting: str, path: Path, known: TlsFile) -> TlsFile:
        readers: dict[str, Callable[[bytes], dict[str, object]]] = {
            CERTIFICATE: _certificates,
            CA: _certificates,
            KEY: _key,
            LISTS: lambda data: {"lists": _lists(data)},
        }
        try:
            if setting == LISTS_DIRECTORY:
                return _with(known, entries=self._entries(path))
            return _with(known, **readers[setting](self._disk.read(path) or b""))
        except DiskError as error:
            return _with(known, problem=error.message)
        except FileProblemError as error:
            return _with(known, problem=str(error).rpartition(": ")[2])
        except _BEYOND_US:
            return known
        except _BAD:
            return _with(known, problem=f"what it has is no {_WHAT[setting]} in PEM")

    def _entries(self, directory: Path) -> tuple[Entry, ...]:
        names = sorted(self._names(str(directory)))[:_MOST_ENTRIES]
        return tuple(Entry(name, self._lists_at(directory / name)) for name in names)

    def _lists_at(self, path: Path) -> tuple[RevocationList, ...]:
        # What is no list, such as a note for people, is none of OpenSSL's business either.
        try:
            return _lists(self._disk.read(path) or b"")
        except (DiskError, *_BAD, *_BEYOND_US):
            return ()

    def _owner(self, status: Status) -> Owner:
        if status.uid == self._account.uid:
            return Owner.SERVER
        return Owner.ROOT if status.uid == 0 else Owner.OTHER

    def _exposed(self, path: Path, status: Status) -> Iterator[str]:
        """Yield what others may write to: the file, and directories on the way to it."""
        if self._is_open(status):
            yield str(path)
        ways = list(dict.fromkeys([*path.parents, *self._disk.resolve(path).parents]))
        for each, found in zip(ways, self._disk.statuses(ways), strict=True):
            if self._is_open(found):
                yield str(each)

    def _is_open(self, status: Status) -> bool:
        mode, shared = status.mode, status.gid not in {0, self._account.gid}
        if status.uid not in {0, self._account.uid}:
            return True
        if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
            return False
        return bool(mode & stat.S_IWOTH or (shared and mode & stat.S_IWGRP))


def _with(known: TlsFile, **more: object) -> TlsFile:
    values = {name: getattr(known, name) for name in known.__slots__}
    return TlsFile(**{**values, **more})


def _certificates(data: bytes) -> dict[str, object]:
    found = x509.load_pem_x509_certificates(data)
    return {"certificates": tuple(map(certificates.certificate, found))}


def _key(data: bytes) -> dict[str, object]:
    if b"ENCRYPTED" in data:
        return {"encrypted": True}
    try:
        key = serialization.load_pem_private_key(data, None)
    except UnsupportedAlgorithm:
        return {}
    return {"public_key": certificates.public_key(key)}


def _lists(data: bytes) -> tuple[RevocationList, ...]:
    pieces = [piece.partition(_BEGIN_OF_LIST) for piece in data.split(_END_OF_LIST)[:-1]]
    found = [x509.load_pem_x509_crl(begin + inner + _END_OF_LIST) for _, begin, inner in pieces]
    if not found:
        raise ValueError("there is no list")
    return tuple(map(certificates.revocation_list, found))
