"""Names that may stand in a certificate, a URL or a file name.

An identity (a person's name) becomes the one CN of a login certificate and is
matched by PostgreSQL's pg_ident, so nothing that could smuggle a second name or
a pattern may pass (RFC 4514 section 2.4; PostgreSQL manual, chapter 20.2).
"""

import re
from ipaddress import ip_address

from pgward.core.errors import InvalidInputError

UNKNOWN = "unknown"
"""The actor in the audit log of an act whose doer nobody could tell: never a person's name."""

PROOF_PREFIX = "pgward_prove_"
"""Begins the names of proof certificates and of their roles, and nobody's name: they are the CA's
to choose, at random, so that no role is ever called so but for the moment of a proof."""

_IDENTITY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}")
_RESOURCE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_MAX_DNS_NAME = 253
MAX_HOST_NAME = 63


def identity(name: str) -> str:
    """Return ``name`` if it may name a person; raise InvalidInputError otherwise.

    At most 63 bytes, as PostgreSQL cuts role names there (NAMEDATALEN - 1).
    """
    if not _IDENTITY.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a user name",
            hint="use 1 to 63 of the letters a-z A-Z, digits, and _ . @ -, not starting with . @ -",
        )
    return name


def person(name: str) -> str:
    """Return ``name`` if a login certificate may bear it: an identity that is not reserved."""
    if identity(name).lower().startswith(PROOF_PREFIX):
        raise InvalidInputError(
            f"{name!r} is reserved: certificates that prove a server bear such names",
            hint="choose another name",
        )
    return name


def new_identity(name: str) -> str:
    """Return ``name`` if a new person may have it: an identity that means nothing else."""
    if person(name).lower() == UNKNOWN:
        raise InvalidInputError(
            f"{name!r} is reserved: the audit log has it for whoever could not be told",
            hint="choose another name",
        )
    return name


def is_proof(name: str) -> bool:
    """Tell whether a certificate's name is one of those that prove a server."""
    return name.lower().startswith(PROOF_PREFIX)


def resource_name(name: str, *, what: str = "name") -> str:
    """Return ``name`` if it may name a service, group or edge (one lower-case DNS label)."""
    if not _RESOURCE.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a {what}",
            hint="use 1 to 63 of the letters a-z, digits and -, not at either end",
        )
    return name


def host_name(name: str) -> str:
    """Return the name of a machine as its certificate has it; raise InvalidInputError.

    A resource name, a DNS name (a wildcard, too) or an IP address of at most 63 letters: a CN has
    at most 64 (RFC 5280 appendix A).
    """
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    if len(name) > MAX_HOST_NAME or dns_name(name, wildcard=True) != name:
        raise InvalidInputError(f"{name!r} cannot be a machine's name")
    return name


def dns_name(name: str, *, wildcard: bool = False) -> str:
    """Return the lower-case DNS name; ``wildcard`` allows one leading ``*.`` label."""
    lowered = name.lower()
    rest = lowered.removeprefix("*.") if wildcard else lowered
    labels = rest.split(".")
    # The Kelvin sign, say, becomes a k in lower case.
    is_one = name.isascii() and len(lowered) <= _MAX_DNS_NAME
    if not is_one or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInputError(
            f"{name!r} is not a DNS name", hint="for example db1.example.com, without a final dot"
        )
    return lowered
