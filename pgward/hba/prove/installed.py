"""Which plan stands in a server's files: read from pgward's blocks, and written again to compare.

Pure. A block that no plan would write was changed by hand, and what it says is nobody's wish.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgward.core.errors import InvalidInputError
from pgward.hba.plan import block
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Auth, Plan, TlsFiles, keywords
from pgward.hba.syntax import tokens
from pgward.hba.syntax.tokens import Field, Line, physical_lines
from pgward.hba.syntax.versions import Abilities

_DOMAIN = re.compile(r"@(.*)\$")
_FIELDS = 5
_PARTS = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")


@dataclass(frozen=True, slots=True)
class Blocks:
    """What stands between the marks of each file; None where there is no block."""

    conf: str | None
    hba: str | None
    ident: str | None

    @classmethod
    def of(cls, conf: bytes, hba: bytes, ident: bytes) -> "Blocks":
        """Take them out of the three files; raise InvalidInputError when marks do not pair."""
        return cls(
            *(_inside(data, name) for data, name in zip((conf, hba, ident), _PARTS, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """The plan, or why there is none; both None where pgward wrote nothing."""

    plan: Plan | None = None
    problem: str | None = None


def installed(blocks: Blocks, able: Abilities) -> Installed:
    """Return the plan that these blocks were made of."""
    parts = (blocks.conf, blocks.hba, blocks.ident)
    if all(each is None for each in parts):
        return Installed()
    missing = [name for name, each in zip(_PARTS, parts, strict=True) if each is None]
    if missing:
        return Installed(problem=f"there is no block of pgward in {', '.join(missing)}")
    try:
        plan = _plan(blocks, able)
        made = fragments(plan, able.version)
    except (InvalidInputError, _NoPlanError):
        return Installed(problem="pgward's block in pg_hba.conf was changed by hand")
    wanted = (made.postgresql, made.hba, made.ident)
    changed = [name for name, a, b in zip(_PARTS, parts, wanted, strict=True) if a != b]
    if changed:
        return Installed(problem=f"pgward's block in {', '.join(changed)} was changed by hand")
    return Installed(plan)


class _NoPlanError(Exception):
    """No plan becomes such lines."""


def _inside(data: bytes, where: str) -> str | None:
    span = block.find(data, where)
    if span is None:
        return None
    lines = physical_lines(data)[span[0] : span[1] - 1]
    return b"".join(lines).replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")


def _plan(blocks: Blocks, able: Abilities) -> Plan:
    conf, hba, ident = (each or "" for each in (blocks.conf, blocks.hba, blocks.ident))
    lines = [each for each in _lines(hba, able) if each.fields]
    allowed = [each for each in lines if each.words[-1] != "reject"]
    if not allowed or any(len(each.fields) < _FIELDS for each in lines):
        raise _NoPlanError
    addresses = tuple(dict.fromkeys(each.words[3] for each in allowed))
    first = [each for each in allowed if each.words[3] == addresses[0]]
    passwords = first.pop(0) if first[0].words[4:] == ("scram-sha-256",) else None
    main = first[0] if first else None
    if main is None:
        raise _NoPlanError
    options = dict(each.split("=", 1) for each in main.words[5:] if "=" in each)
    refused = [each for each in lines if each.words[0] == "host" and each.words[-1] == "reject"]
    plan = Plan(
        auth=_auth(main.words[4], options, hba, is_mixed=passwords is not None),
        databases=_names(main.fields[1], database=True),
        roles=_names(main.fields[2], database=False),
        addresses=addresses,
        password_roles=_names(passwords.fields[2], database=False) if passwords else (),
        replication_roles=_names(first[1].fields[2], database=False) if first[1:] else (),
        superusers=_names(refused[0].fields[2], database=False) if refused else (),
        tls=_tls(conf),
    )
    return _mapped(replace(plan, map_name=options["map"]), ident, able) if plan.uses_map else plan


def _auth(method: str, options: dict[str, str], hba: str, *, is_mixed: bool) -> Auth:
    if method == "cert" and "map" in options:
        return Auth.CERT_OR_SCRAM if is_mixed else Auth.CERT
    if method != "scram-sha-256" or is_mixed or "clientcert" not in options:
        raise _NoPlanError
    # Version 11 can only ask for any certificate, and then says so.
    named = options["clientcert"] == "verify-full" or "cannot bind" in hba
    return Auth.SCRAM_AND_CERT if named else Auth.SCRAM_AND_ANY_CERT


def _mapped(plan: Plan, ident: str, able: Abilities) -> Plan:
    pairs: list[tuple[str, str]] = []
    domain: str | None = None
    for line in _lines(ident, able):
        if not line.fields:
            continue
        system, role = (field[0].text for field in line.fields[1:3])
        if not system.startswith("/"):
            pairs.append((system, role))
        elif found := _DOMAIN.search(system.rpartition(")")[2]):
            domain = found[1].replace("\\", "")
    return replace(plan, mapped=tuple(pairs), strip_domain=domain)


def _tls(conf: str) -> TlsFiles:
    found = {each.name: each.value for each in block.assignments(conf.encode())}
    names = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file")
    return TlsFiles(*(found.get(name, "") for name in names))


def _lines(text: str, able: Abilities) -> Sequence[Line]:
    return tokens.parse(text.encode("utf-8", "surrogateescape"), continuation=able.continuation)


def _names(field: Field, *, database: bool) -> tuple[str, ...]:
    """Return the words of a list; one in quotes that is a keyword no plan writes."""
    known = keywords(database=database)
    if any(token.quoted and token.text in known for token in field):
        raise _NoPlanError
    return tuple(token.text for token in field)
