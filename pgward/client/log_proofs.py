"""Reading what the log's API answers, and believing nothing that is not proved."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgward.client.witness import hashes
from pgward.pki import log_entry, merkle
from pgward.pki.errors import LogError
from pgward.pki.log_entry import CertificateEntry, Entry
from pgward.pki.tree_head import TreeHead


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as it came: ``entry`` is None when its bytes were purged or are not for us."""

    log_index: int
    hash: bytes
    entry: Entry | None


def read_leaf(value: Mapping[str, Any]) -> Leaf:
    """Read an entry of the API, whose bytes must have the hash that it says; raise LogError."""
    try:
        index, digest = int(value["log_index"]), bytes.fromhex(value["leaf_hash"])
        encoded = None if value.get("entry") is None else b64decode(value["entry"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise LogError("the CA sent no entry of the log") from error
    if encoded is None:
        return Leaf(index, digest, None)
    if merkle.leaf_hash(encoded) != digest:
        raise LogError(f"entry {index} of the log was altered: its hash is another one")
    return Leaf(index, digest, log_entry.decode(encoded))


def check_included(leaf: Leaf, proof: object, head: TreeHead) -> None:
    """Raise LogError unless the leaf is below the head."""
    merkle.check_inclusion(leaf.hash, leaf.log_index, head.size, hashes(proof), head.root)


def check_shown(shown: Mapping[str, Any], head: TreeHead, user: str) -> str:
    """Check one certificate of /v1/me/certificates; say what is known of it.

    ``logged``: its entry is in the log and says the same. ``pending``: never signed. Raises
    LogError for anything else.
    """
    serial = str(shown.get("serial"))
    if shown.get("log_index") is None and shown.get("state") in ("pending", "revoked"):
        return "pending"
    value = shown.get("entry")
    if not isinstance(value, Mapping):
        raise LogError(f"the certificate {serial} is not in the log")
    leaf = read_leaf(value)
    check_included(leaf, shown.get("proof"), head)
    entry = leaf.entry
    if not isinstance(entry, CertificateEntry):
        raise LogError(f"the certificate {serial} has no entry in the log")
    found = (entry.subject, serial_of(entry))
    if found != (user, serial):
        raise LogError(f"the certificate {serial} of {user} is logged as {found[1]} of {found[0]}")
    return "logged"


def serial_of(entry: CertificateEntry) -> str:
    """Return the serial number in an entry's certificate; raise LogError."""
    from cryptography import x509  # noqa: PLC0415 - slow to import, and not always needed

    try:
        return f"{x509.load_der_x509_certificate(entry.der).serial_number:x}"
    except ValueError as error:
        raise LogError("an entry of the log holds no certificate") from error
