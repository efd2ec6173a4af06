"""What a message says of a connection (src/backend/libpq/auth.c, tcop/postgres.c, utils/init).

The words are the English ones. Of a server that speaks another language, refusals are known by
their SQLSTATE, and nobody's acceptance: PostgreSQL gives that no code of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pgward.hba.logs.record import Record


class Stage(StrEnum):
    """What happened to a connection."""

    RECEIVED = "received"
    AUTHENTICATED = "authenticated"
    MAPPED = "mapped"
    """Who the certificate names, when the map did not let that be the role."""
    AUTHORIZED = "authorized"
    REFUSED = "refused"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Said:
    """A stage and what was said with it.

    ``code`` is why, when it was refused; it is empty for what ends sessions as well.
    """

    stage: Stage
    code: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


_TLS = (
    r"(?: SSL enabled \(protocol=(?P<protocol>[^,()]*), cipher=(?P<cipher>[^,()]*), bits=\d+"
    r"(?:, compression=(?P<compression>\w+))?\))?"
)
# With bounds: whoever writes a message that nearly fits must not have us read it for ever.
_STAGES = (
    (
        Stage.RECEIVED,
        r"connection received: host=(?P<host>\S+)(?: port=(?P<port>\d+))?",
    ),
    (
        Stage.AUTHENTICATED,
        (
            r'connection authenticated: (?:identity|user)="(?P<identity>.{0,1000})" '
            r"method=(?P<method>\S+) \((?P<line>.{0,1000})\)"
        ),
    ),
    (
        Stage.MAPPED,
        (
            r'no match in usermap "(?P<map>.{0,100})" for user ".{0,100}" '
            r'authenticated as "(?P<identity>.{0,1000})"'
        ),
    ),
    (
        Stage.MAPPED,
        (
            r"provided user name \(.{0,100}\) and authenticated user name "
            r"\((?P<identity>.{0,1000})\) do not match"
        ),
    ),
    (
        Stage.AUTHORIZED,
        r"(?P<replication>replication )?connection authorized: user=(?P<user>.{0,64}?)"
        r"(?: database=(?P<database>.{0,64}?))?(?: application_name=(?P<application>.{0,64}?))?"
        + _TLS
        + r"(?: GSS \(.{0,500}\))?",
    ),
    (
        Stage.CLOSED,
        (
            r"disconnection: session time: (?P<seconds>\d+:\d\d:\d\d\.\d+) user=(?P<user>.{0,64}) "
            r"database=(?P<database>.{0,64}) host=(?P<host>\S+)(?: port=(?P<port>\d+))?"
        ),
    ),
)
_REFUSALS = (
    ("no_entry", r"no pg_hba\.conf entry for "),
    ("rejected", r"pg_hba\.conf rejects "),
    ("no_certificate", r"connection requires a valid client certificate"),
    ("certificate", r"certificate authentication failed for user "),
    ("password", r"password authentication failed for user "),
    (
        "authentication",
        r"\S.{0,40} authentication failed for user |authentication failed for user ",
    ),
    ("no_role", r'role ".*" does not exist'),
    ("no_login", r'role ".*" is not permitted to log in'),
    ("no_database", r'database ".*" (?:does not exist|is not currently accepting connections)'),
    ("no_right", r"permission denied for database "),
    (
        "too_many",
        (
            r"too many connections for |sorry, too many clients already|remaining connection slots "
            r"|number of requested standby connections exceeds"
        ),
    ),
    ("not_ready", r"the database system is |the database system is not"),
    ("timeout", r"canceling authentication due to timeout"),
)
# These are no FATAL, and yet the end of a connection that had no session.
_EARLY = (
    ("tls", r"could not accept SSL connection: (?P<why>.*)"),
    ("protocol", r"(?:incomplete|invalid length of) startup packet"),
    ("protocol", r"received direct SSL connection request (?P<why>.*)"),
)
_TLS_CODES = {
    "revoked": "revoked",
    "has expired": "expired",
    "not yet valid": "not_yet_valid",
    "local issuer certificate": "unknown_ca",
    "self": "unknown_ca",
    "CRL": "no_crl",
    "certificate purpose": "wrong_purpose",
    "unsupported": "wrong_purpose",
}
_BY_STATE = {
    "28000": "refused",
    "28P01": "password",
    "3D000": "no_database",
    "42501": "no_right",
    "53300": "too_many",
    "55000": "no_database",
    "57P03": "not_ready",
    "08P01": "protocol",
}
_DEPTH = re.compile(r"verification failed at depth (\d+): (.*?)\.?(?:\n|\Z)")
_LEAF = re.compile(r'subject "(.*?)", serial number (\d+), issuer "(.*?)"', re.DOTALL)
_MATCHED = re.compile(r'Connection matched (?:file "(.*?)" line (\d+)|(\S+) line (\d+)):')

_PATTERNS = [(stage, re.compile(text, re.DOTALL)) for stage, text in _STAGES]
_REFUSED = [(code, re.compile(text, re.DOTALL)) for code, text in _REFUSALS]
_SOON = [(code, re.compile(text, re.DOTALL)) for code, text in _EARLY]


def read(record: Record) -> Said | None:
    """Return what a record says of a connection, or None."""
    for stage, pattern in _PATTERNS:
        match = pattern.fullmatch(record.message)
        if match is not None:
            return Said(stage, fields=_given(match))
    for code, pattern in _SOON:
        match = pattern.match(record.message)
        if match is not None:
            return _early(code, record, match)
    if not _ends(record):
        return None
    known = next((code for code, each in _REFUSED if each.match(record.message)), None)
    return Said(Stage.REFUSED, known or _BY_STATE.get(record.sqlstate or "", ""), _matched(record))


def _ends(record: Record) -> bool:
    """Tell whether the connection ends with this message.

    The severity is a word of the server's language; a code of a refusal is the same in all.
    """
    if record.severity == "FATAL":
        return True
    return (record.sqlstate or "")[:3] in {"280", "28P"}


def _early(code: str, record: Record, match: re.Match[str]) -> Said:
    fields = _given(match)
    depth = _DEPTH.search(record.detail)
    leaf = _LEAF.search(record.detail)
    if depth is not None:
        fields["why"] = depth[2]
        code = next((known for text, known in _TLS_CODES.items() if text in depth[2]), code)
    if depth is not None and depth[1] == "0" and leaf is not None:
        # Whoever sent it need not have its key: it is the certificate that was shown.
        fields |= {"shown_subject": leaf[1], "shown_serial": f"{int(leaf[2]):x}"}
    return Said(Stage.REFUSED, code, fields)


def _matched(record: Record) -> dict[str, str]:
    match = _MATCHED.search(record.detail)
    if match is None:
        return {}
    return {"line": f"{match[1] or match[3]}:{match[2] or match[4]}"}


def _given(match: re.Match[str]) -> dict[str, str]:
    return {name: text for name, text in match.groupdict().items() if text}
