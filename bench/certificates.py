"""One set of P-256 certificates, of the shape that pgward issues, for every peer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with its issuing CA behind it, its key, and both in one file."""

    certificate: Path
    key: Path
    both: Path

    @classmethod
    def write(cls, directory: Path, name: str, certificate: bytes, key: bytes) -> Self:
        leaf = cls(*(directory / f"{name}.{suffix}" for suffix in ("crt", "key", "pem")))
        leaf.certificate.write_bytes(certificate)
        for path, data in ((leaf.key, key), (leaf.both, certificate + key)):
            path.touch(0o600)
            path.write_bytes(data)
        return leaf


@dataclass(frozen=True, slots=True)
class Certificates:
    """What both hops of a pair need for mutual TLS."""

    server: Leaf
    client: Leaf
    server_roots: Path
    user_roots: Path
    server_name: str


def make(directory: Path, server_name: str = "localhost") -> Certificates:
    """Make two hierarchies, each a root and an issuing CA, and one leaf of each."""
    server_roots, user_roots = directory / "server-roots.crt", directory / "user-roots.crt"
    return Certificates(
        server=_issue(directory, "server", server_roots, server_name),
        client=_issue(directory, "client", user_roots, "bench@example.com"),
        server_roots=server_roots,
        user_roots=user_roots,
        server_name=server_name,
    )


def _issue(directory: Path, name: str, roots: Path, identity: str) -> Leaf:
    root = trustme.CA(key_type=trustme.KeyType.ECDSA)
    roots.write_bytes(root.cert_pem.bytes())
    issuing = root.create_child_ca(key_type=trustme.KeyType.ECDSA)
    leaf = issuing.issue_cert(identity, key_type=trustme.KeyType.ECDSA)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return Leaf.write(directory, name, chain, leaf.private_key_pem.bytes())
