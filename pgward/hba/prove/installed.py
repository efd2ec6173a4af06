"""Which plan stands in a server's files: read from pgward's blocks, and written again to compare.

Pure. A block that no plan would write was changed by hand, and what it says is nobody's wish.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pgward.core.errors import InvalidInputError
from pgward.hba.plan import block
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Auth, Plan, TlsFiles, keywords
from pgward.hba.roles import section
from pgward.hba.syntax import tokens
from pgward.hba.syntax.tokens import Field, Line, physical_lines
from pgward.hba.syntax.versions import Abilities

_DOMAIN = re.compile(r"@(.*)\$")
_FIELDS = 5
_PARTS = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")


@dataclass(frozen=True, slots=True)
class Blocks:
    """What stands between the marks of each file; None where there is no block.

    ``edited`` are the files whose block is not the one that was written; ``rest`` is pg_ident.conf.
    """

    conf: str | None
    hba: str | None
    ident: str | None
    edited: tuple[str, ...] = ()
    rest: bytes = b""

    @classmethod
    def of(cls, conf: bytes, hba: bytes, ident: bytes) -> "Blocks":
        """Take them out of the three files; raise InvalidInputError when marks do not pair."""
        files = dict(zip(_PARTS, (conf, hba, ident), strict=True))
        inside = [_inside(data, name) for name, data in files.items()]
        edited = tuple(name for name, data in files.items() if block.edited(data, name))
        return cls(inside[0], inside[1], inside[2], edited, ident)


@dataclass(frozen=True, slots=True)
class Installed:
    """The plan, or why there is none; both None where pgward wrote nothing.

    ``pairs`` are names and roles of the RoleMap at the CA, as far as the plan follows it.
    """

    plan: Plan | None = None
    problem: str | None = None
    pairs: frozenset[tuple[str, str]] = frozenset()


def installed(blocks: Blocks, able: Abilities) -> Installed:
    """Return the plan that these blocks were made of."""
    parts = dict(zip(_PARTS, (blocks.conf, blocks.hba, blocks.ident), strict=True))
    missing = [name for name, text in parts.items() if text is None]
    if len(missing) == len(parts):
        return Installed()
    if missing:
        return Installed(problem=f"there is no block of pgward in {', '.join(missing)}")
    try:
        plan = _plan(blocks, able)
        made = fragments(plan, able.version)
    except (InvalidInputError, _NoPlanError):
        return _changed(blocks.edited or ["pg_hba.conf"])
    wanted = dict(zip(_PARTS, (made.postgresql, made.hba, made.ident), strict=True))
    others = {name for name, text in parts.items() if text != wanted[name]} | set(blocks.edited)
    return _changed(sorted(others)) if others else _with_pairs(plan, blocks.rest, able)


def _with_pairs(plan: Plan, ident: bytes, able: Abilities) -> Installed:
    if not plan.map_from_ca:
        return Installed(plan)
    found = section.read(ident, plan.map_name, able, _PARTS[2])
    if found is not None and found.edited:
        return Installed(problem="the lines of pgward hba roles in pg_ident.conf were changed")
    return Installed(plan, pairs=frozenset() if found is None else found.pairs)


def _changed(names: Iterable[str]) -> Installed:
    return Installed(problem=f"pgward's block in {', '.join(names)} was changed by hand")


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
    own = first.pop(0) if first[0].words[4:] == ("cert",) else None
    if not first:
        raise _NoPlanError
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
        cert_roles=_names(own.fields[2], database=False) if own else (),
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
    from_ca = True
    for line in _lines(ident, able):
        if not line.fields:
            continue
        system, role = (field[0].text for field in line.fields[1:3])
        if not system.startswith("/"):
            pairs.append((system, role))
            continue
        from_ca = False
        if found := _DOMAIN.search(system.rpartition(")")[2]):
            domain = found[1].replace("\\", "")
    return replace(plan, mapped=tuple(pairs), strip_domain=domain, map_from_ca=from_ca)


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
