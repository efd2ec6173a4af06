"""Facts of TLS files for the examples of rules, and how they are told.

``GOOD`` is a server with everything in order; ``but`` is the same with one thing changed.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pgward.hba.check.material import (
    CA,
    CERTIFICATE,
    KEY,
    LISTS,
    Certificate,
    Material,
    RevocationList,
    TlsFile,
    hashed,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_DIRECTORY = "/etc/pg"


def _identity(name: str) -> str:
    """Return digits that differ for names that do; not those of a real name."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def certificate(subject: str, issuer: str, *, since: int, left: int, **more: Any) -> Certificate:
    """Return a certificate that began so many days ago, and has so many left."""
    ids = {"subject_id": _identity(subject), "issuer_id": _identity(issuer)}
    facts = {"starts": NOW - since * _DAY, "ends": NOW + left * _DAY, **ids, **more}
    return Certificate(f"CN={subject}", f"CN={issuer}", **facts)


def revocation_list(issuer: str, *, since: int, left: int, **more: Any) -> RevocationList:
    """Return a list that was made so many days ago, and counts for so many more."""
    facts = {"ends": NOW + left * _DAY, "issuer_id": _identity(issuer), **more}
    return RevocationList(f"CN={issuer}", NOW - since * _DAY, **facts)


ROOT = certificate("user root", "user root", since=100, left=3000)
ISSUING = certificate("user issuing", "user root", since=100, left=1000)
SERVER = certificate("db1", "server issuing", since=1, left=89, public_key="01")
LIST_OF_ROOT = revocation_list("user root", since=100, left=3000)
LIST_OF_ISSUING = revocation_list("user issuing", since=1, left=6)
GOOD = Material(
    NOW,
    (
        TlsFile(CERTIFICATE, f"{_DIRECTORY}/server.crt", mode=0o644, certificates=(SERVER,)),
        TlsFile(KEY, f"{_DIRECTORY}/server.key", public_key="01"),
        TlsFile(CA, f"{_DIRECTORY}/ca.crt", mode=0o644, certificates=(ROOT,)),
        TlsFile(LISTS, f"{_DIRECTORY}/ca.crl", mode=0o644, lists=(LIST_OF_ROOT, LIST_OF_ISSUING)),
    ),
)


def but(setting: str, **changes: Any) -> Material:
    """Return ``GOOD`` with other facts of what a setting names."""
    changed = (
        dataclasses.replace(each, **changes) if each.setting == setting else each
        for each in GOOD.files
    )
    return Material(NOW, tuple(changed))


def told(material: Material) -> dict[str, str]:
    """Return what there is to say of each file that is not as in ``GOOD``, by its path."""
    return {
        each.path: "\n".join(_facts(each, material))
        for each in material.files
        if each not in GOOD.files
    }


def _facts(file: TlsFile, material: Material) -> Iterator[str]:
    if file.problem is not None:
        yield file.problem
        return
    yield f"mode {file.mode:04o}, of {file.owner}"
    yield from (f"others may write to {each}" for each in file.exposed)
    if file.encrypted:
        yield "encrypted with a passphrase"
    for certificate_ in file.certificates:
        kind = "" if certificate_.is_server else ", not for servers"
        weak = f", {certificate_.weakness}" if certificate_.weakness else ""
        yield (
            f"certificate of {certificate_.subject} by {certificate_.issuer}{kind}{weak}, "
            f"{_when(certificate_.starts, certificate_.ends, material.now)}"
        )
    if file.public_key is not None:
        same = any(
            each.public_key == file.public_key
            for other in material.files
            for each in other.certificates
        )
        yield f"private key of {'the' if same else 'another'} certificate"
    for each in file.lists:
        yield _list(each, material.now)
    for entry in file.entries:
        yield from (f"{entry.name}: {_list(each, material.now)}" for each in entry.lists)


def _list(found: RevocationList, now: datetime) -> str:
    partial = f", {found.partial}" if found.partial else ""
    ends = found.ends or now
    return f"revocation list of {found.issuer}{partial}, {_when(found.starts, ends, now)}"


def _when(starts: datetime, ends: datetime, now: datetime) -> str:
    if starts > now:
        return f"begins in {(starts - now).days} days"
    left = (ends - now).days
    return f"ended {-left} days ago" if left < 0 else f"ends in {left} days"


def opened_name(issuer: str) -> str:
    """Return the name of the first file that OpenSSL would open for an issuer of an example."""
    return f"{hashed(_identity(issuer))}.r0"
