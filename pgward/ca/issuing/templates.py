"""Templates of alternative names: ``email:{user}@example.com``, ``dns:{machine}.db.example.com``.

A template has one variable, and what is put in for it must not say more than it did: a person
called ``a.b`` gets no name below another domain, and nobody's name brings a second address.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgward.core import names
from pgward.core.errors import DeniedError, InvalidInputError

_TEMPLATE = re.compile(r"(dns|email):([^{}]*)\{(user|machine)\}([^{}]*)")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_HINT = "for example email:{user}@example.com or dns:{machine}.db.example.com"


@dataclass(frozen=True, slots=True)
class AltNames:
    """Alternative names that were made from templates."""

    dns: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


def check(template: str) -> str:
    """Return a template that can be filled in; raise InvalidInputError."""
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        raise InvalidInputError(f"{template!r} is not a template of a name", hint=_HINT)
    kind, _, variable, _ = match.groups()
    if (kind, variable) not in (("dns", "machine"), ("email", "user")):
        raise InvalidInputError(
            f"{template!r}: people have e-mail addresses, machines have DNS names", hint=_HINT
        )
    try:
        _fill(template, "x")
    except DeniedError as error:
        raise InvalidInputError(error.message, hint=_HINT) from error
    return template


def fill(templates: Iterable[str], owner: str) -> AltNames:
    """Put the name of a person or machine into each template; raise DeniedError."""
    found: dict[str, list[str]] = {"dns": [], "email": []}
    for template in templates:
        kind, name = _fill(template, owner)
        found[kind].append(name)
    return AltNames(tuple(found["dns"]), tuple(found["email"]))


def _fill(template: str, owner: str) -> tuple[str, str]:
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        raise DeniedError(f"{template!r} is not a template of a name")
    kind, before, _, after = match.groups()
    # The variable stands for one label or one mailbox, never for a part with a separator in it.
    allowed = _LABEL if kind == "dns" else _LOCAL
    if not allowed.fullmatch(owner):
        raise DeniedError(f"the name {owner!r} does not fit into {template!r}", hint=_HINT)
    name = f"{before}{owner}{after}"
    if not (_is_dns(name) if kind == "dns" else is_email(name)):
        raise DeniedError(f"{template!r} makes {name!r}, which is no {kind} name", hint=_HINT)
    return kind, name.lower() if kind == "dns" else name


def is_email(name: str) -> bool:
    """Tell whether it is a plain address: one mailbox at one DNS name (RFC 5280, 4.2.1.6)."""
    local, at, domain = name.partition("@")
    return bool(at and _LOCAL.fullmatch(local) and "." in domain and _is_dns(domain))


def _is_dns(name: str) -> bool:
    try:
        names.dns_name(name)
    except InvalidInputError:
        return False
    return True
