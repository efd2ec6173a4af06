"""The options behind a rule's method: which each version knows, where, and with which values.

Follows ``parse_hba_auth_opt`` and the checks after it in src/backend/libpq/hba.c.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities, Dialect

Options = Sequence[tuple[str, str]]
# Their values are shown to nobody.
SECRETS = ("ldapbindpasswd", "radiussecrets")
_SECRET = re.compile(
    rf"({'|'.join(SECRETS)})=[^\n]+"
    # Those of postgresql.conf: in a connection string, a URI, or a command that tells one.
    r"|(password[ \t]*)=[^\n]+|(://[^\s:/@]*):[^\n]+(?=@)|(\bssl_passphrase_command\b)[^\n]+",
    re.IGNORECASE,
)
_STRTOL = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")


class OptionError(ValueError):
    """What PostgreSQL refuses; ``option`` is its index, or None when one is missing."""

    def __init__(self, message: str, option: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.option = option


@dataclass(frozen=True, slots=True)
class _Known:
    """``methods`` is where an option may stand; None for every method of a hostssl rule."""

    methods: frozenset[str] | None
    check: Callable[[str, str, int], str | None] | None = None
    since: int = OLDEST
    until: int = NEWEST


def check(kind: str, method: str, options: Options, able: Abilities) -> None:
    """Raise OptionError for what this version refuses behind this kind of line and method."""
    version = able.version
    table = _OF_YUGABYTEDB if able.dialect is Dialect.YUGABYTEDB else _KNOWN
    for index, (name, value) in enumerate(options):
        known = table.get(name)
        if known is None or not known.since <= version <= known.until:
            raise OptionError(f"{able.name} knows no option {name!r}", index)
        if known.methods is None and kind != "hostssl":
            raise OptionError(f"{name} can only stand in hostssl lines", index)
        if known.methods is not None and method not in known.methods:
            wanted = ", ".join(sorted(known.methods))
            raise OptionError(f"{name} can only stand behind the methods {wanted}", index)
        if known.check is not None and (said := known.check(value, method, version)):
            raise OptionError(said, index)
    after = _AFTER.get(method)
    if after is not None and (said := after(dict(options), version)):
        raise OptionError(said)


def _clientcert(value: str, method: str, version: int) -> str | None:
    cert = method == "cert"
    if version == OLDEST:
        # Whatever is not 1 is off, without a word.
        return "the method cert wants clientcert=1, or none" if cert and value != "1" else None
    if value == "verify-full":
        return None
    if version < 14:  # noqa: PLR2004 - a version is a name
        if value in {"1", "verify-ca"}:
            return None
        if value in {"0", "no-verify"}:
            return f"clientcert={value} cannot stand behind the method cert" if cert else None
    elif value == "verify-ca":
        return "the method cert takes only clientcert=verify-full" if cert else None
    return f"clientcert={value} is nothing that PostgreSQL {version} knows"


def _clientname(value: str, _method: str, _version: int) -> str | None:
    return None if value in {"CN", "DN"} else f"clientname is {value!r}, not CN or DN"


def _port(value: str, _method: str, _version: int) -> str | None:
    match = _STRTOL.match(value)
    return None if match and int(match[0]) else f"{value!r} is no port"


def without_secrets(text: str) -> str:
    """Return lines of a file, comments too, with ``…`` for the rest of each that holds a secret."""
    return _SECRET.sub(_hidden, text)


def _hidden(match: re.Match[str]) -> str:
    option, word, user, command = match.groups()
    if user is not None:
        return f"{user}:…"
    return f"{(option or word or command).rstrip()}=…"


def _radius_ports(value: str, method: str, version: int) -> str | None:
    told = [_port(each.strip(), method, version) for each in value.split(",")]
    return next((each for each in told if each), None)


def _listed(value: str, _method: str, _version: int) -> str | None:
    # The value may be a secret, which no message shows.
    return (
        None if value.strip() and not value.strip().endswith(",") else "an item of a list is empty"
    )


def _ldap_url(value: str, _method: str, _version: int) -> str | None:
    scheme = urlsplit(value).scheme if "://" in value else ""
    return None if scheme in {"ldap", "ldaps"} else f"{value!r} is no LDAP URL"


def _after_ldap(options: Mapping[str, str], version: int) -> str | None:
    url = urlsplit(options.get("ldapurl", ""))
    given = set(options)
    if url.netloc:
        given.add("ldapserver")
    if url.path.lstrip("/"):
        given.add("ldapbasedn")
    parts = url.query.split("?")
    if parts[0]:
        given.add("ldapsearchattribute")
    if "ldapserver" not in given and version == OLDEST:
        return "the method ldap needs ldapserver"
    search = {
        *("ldapbasedn", "ldapbinddn", "ldapbindpasswd"),
        *("ldapsearchattribute", "ldapsearchfilter"),
    }
    if given & {"ldapprefix", "ldapsuffix"}:
        if given & search:
            return "ldapprefix and ldapsuffix cannot stand beside options for searching"
    elif "ldapbasedn" not in given:
        return "the method ldap needs ldapbasedn, ldapprefix or ldapsuffix"
    if {"ldapsearchattribute", "ldapsearchfilter"} <= given:
        return "ldapsearchattribute cannot stand beside ldapsearchfilter"
    return None


def _after_radius(options: Mapping[str, str], _version: int) -> str | None:
    for name in ("radiusservers", "radiussecrets"):
        if name not in options:
            return f"the method radius needs {name}"
    servers = options["radiusservers"].count(",") + 1
    for name in ("radiussecrets", "radiusports", "radiusidentifiers"):
        count = options[name].count(",") + 1 if name in options else 1
        if count not in {1, servers}:
            return f"{name} must be 1 or {servers}, as many as radiusservers"
    return None


def _after_oauth(options: Mapping[str, str], _version: int) -> str | None:
    for name in ("scope", "issuer"):
        if name not in options:
            return f"the method oauth needs {name}"
    if "map" in options and options.get("delegate_ident_mapping") == "1":
        return "map cannot stand beside delegate_ident_mapping"
    return None


def _after_jwt(options: Mapping[str, str], _version: int) -> str | None:
    for name in ("jwt_audiences", "jwt_issuers"):
        if not options.get(name, "").strip():
            return f"the method jwt needs {name}"
    if not {"jwt_jwks_path", "jwt_jwks_url"} & set(options):
        return "the method jwt needs jwt_jwks_path or jwt_jwks_url"
    return None


_MAPPED = frozenset({"ident", "peer", "gss", "sspi", "cert"})
_LDAP = frozenset({"ldap"})
_RADIUS = frozenset({"radius"})
_OAUTH = frozenset({"oauth"})
_PAM = frozenset({"pam"})
_SSPI = frozenset({"sspi"})
_KERBEROS = frozenset({"gss", "sspi"})
_JWT = frozenset({"jwt"})

_KNOWN: dict[str, _Known] = {
    "map": _Known(_MAPPED | _OAUTH),
    "clientcert": _Known(None, _clientcert),
    "clientname": _Known(None, _clientname, since=14),
    "pamservice": _Known(_PAM),
    "pam_use_hostname": _Known(_PAM),
    "ldapurl": _Known(_LDAP, _ldap_url),
    "ldaptls": _Known(_LDAP),
    "ldapscheme": _Known(_LDAP),
    "ldapserver": _Known(_LDAP),
    "ldapport": _Known(_LDAP, _port),
    "ldapbinddn": _Known(_LDAP),
    "ldapbindpasswd": _Known(_LDAP),
    "ldapsearchattribute": _Known(_LDAP),
    "ldapsearchfilter": _Known(_LDAP),
    "ldapbasedn": _Known(_LDAP),
    "ldapprefix": _Known(_LDAP),
    "ldapsuffix": _Known(_LDAP),
    "krb_realm": _Known(_KERBEROS),
    "include_realm": _Known(_KERBEROS),
    "compat_realm": _Known(_SSPI),
    "upn_username": _Known(_SSPI),
    "radiusservers": _Known(_RADIUS),
    "radiusports": _Known(_RADIUS, _radius_ports),
    "radiussecrets": _Known(_RADIUS, _listed),
    "radiusidentifiers": _Known(_RADIUS, _listed),
    "issuer": _Known(_OAUTH, since=18),
    "scope": _Known(_OAUTH, since=18),
    "validator": _Known(_OAUTH, since=18),
    "delegate_ident_mapping": _Known(_OAUTH, since=18),
}
_OF_YUGABYTEDB = {
    **_KNOWN,
    "map": _Known(_MAPPED | _JWT),
    "jwt_jwks_path": _Known(_JWT),
    "jwt_jwks_url": _Known(_JWT),
    "jwt_audiences": _Known(_JWT, _listed),
    "jwt_issuers": _Known(_JWT, _listed),
    "jwt_matching_claim_key": _Known(_JWT),
}
_AFTER: dict[str, Callable[[Mapping[str, str], int], str | None]] = {
    "ldap": _after_ldap,
    "radius": _after_radius,
    "oauth": _after_oauth,
    "jwt": _after_jwt,
}
