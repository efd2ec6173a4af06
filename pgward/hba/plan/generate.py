"""Turn a plan into the lines of postgresql.conf, pg_hba.conf and pg_ident.conf.

Pure, and right for each version from 11 to 18. Each fragment ends with a line feed.

``ssl_crl_file`` is used in every version although 14 and later also have ``ssl_crl_dir``, which
needs no reload: one file changes all lists of a chain together and needs no hashed names, and a
refresh reloads, and checks that it took, in any case.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.model import Auth, Plan, keywords
from pgward.hba.syntax.tokens import quote
from pgward.hba.syntax.versions import Abilities

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_KEYWORDS = frozenset({"all", "sameuser", "samerole", "samegroup", "replication"})
_EVERY_ADDRESS = frozenset({"all", "0.0.0.0/0", "::/0"})
_MAX_LINE = 8000  # PostgreSQL 13 and older refuse lines of 8 KiB
_NAME = "[A-Za-z0-9_][A-Za-z0-9_.@-]*"


@dataclass(frozen=True, slots=True)
class Fragments:
    """The three fragments, as text."""

    postgresql: str
    hba: str
    ident: str


def fragments(plan: Plan, version: int) -> Fragments:
    """Return all fragments for a major version; raise InvalidInputError where it cannot do it."""
    able = Abilities.of(version)
    return Fragments(
        _text(_settings_lines(plan, able)),
        _text(_hba_lines(plan, able)),
        _text(_ident_lines(plan, able)),
    )


def settings(plan: Plan, version: int) -> dict[str, str]:
    """Return the settings of postgresql.conf, unquoted, in the order in which they are written."""
    able = Abilities.of(version)
    found = {
        "ssl": "on",
        "ssl_cert_file": plan.tls.certificate,
        "ssl_key_file": plan.tls.key,
        "ssl_ca_file": plan.tls.ca,
        "ssl_crl_file": plan.tls.crl,
    }
    if able.minimum_protocol:
        found["ssl_min_protocol_version"] = "TLSv1.2"
    if plan.uses_passwords:
        found["password_encryption"] = "scram-sha-256"  # noqa: S105 - the name of a method
    found["log_connections"] = (
        "receipt,authentication,authorization" if able.connection_stages else "on"
    )
    found["log_disconnections"] = "on"
    return found


def _settings_lines(plan: Plan, able: Abilities) -> Iterator[str]:
    if not able.minimum_protocol:
        yield "# PostgreSQL 11 cannot set the oldest TLS version; OpenSSL's own limit holds"
    if able.identity_in_log:
        yield '# each login is logged as: connection authenticated: identity="CN=…"'
    for name, value in settings(plan, able.version).items():
        yield f"{name} = {_setting(value)}"


def _hba_lines(plan: Plan, able: Abilities) -> Iterator[str]:
    """Refusals first: PostgreSQL takes the first line that matches, and tries no other."""
    databases = _list(plan.databases, database=True)
    roles = _list(plan.roles, database=False)
    yield "# TYPE  DATABASE  USER  ADDRESS  METHOD  (the first line that matches counts)"
    if plan.auth is Auth.SCRAM_AND_CERT and able.clientcert_name is None:
        yield f"# PostgreSQL {able.version} cannot bind the certificate's name to the role:"
        yield "# any valid login certificate will do beside the password"
    targets = [(databases, roles)]
    # Before all others: who is in them is among the roles as well.
    own = [(databases, _list(plan.cert_roles, database=False))] if plan.cert_roles else []
    if plan.password_roles:
        targets.insert(0, (databases, _list(plan.password_roles, database=False)))
    if plan.replication_roles:
        targets.append(("replication", _list(plan.replication_roles, database=False)))
    for address in plan.addresses:
        yield from _refusals(plan, databases, [*own, *targets], address)
    for address in plan.addresses:
        for each in own:
            yield _line("hostssl", *each, address, "cert")
        if plan.password_roles:
            # `pgward hba check` would ask why.
            rules = "HBA010, HBA031" if address in _EVERY_ADDRESS else "HBA010"
            yield f"# pgward-ignore {rules}: these roles log in by password, as was asked for"
            yield _line("hostssl", *targets[0], address, "scram-sha-256")
        method = _method(plan, able)
        yield _line("hostssl", databases, roles, address, method)
        if plan.replication_roles:
            yield _line("hostssl", *targets[-1], address, method)


def _refusals(
    plan: Plan, databases: str, targets: list[tuple[str, str]], address: str
) -> Iterator[str]:
    for database, role in targets:
        yield _line("hostnossl", database, role, address, "reject")
    if plan.rejected_superusers:
        superusers = _list(plan.rejected_superusers, database=False)
        yield _line("host", databases, superusers, address, "reject")


def _method(plan: Plan, able: Abilities) -> str:
    if plan.uses_map:
        return f"cert map={plan.map_name}"
    wanted = able.clientcert_any
    if plan.auth is Auth.SCRAM_AND_CERT and able.clientcert_name is not None:
        wanted = able.clientcert_name
    return f"scram-sha-256 {wanted}"


def _ident_lines(plan: Plan, able: Abilities) -> Iterator[str]:
    if not plan.uses_map:
        yield "# the password method takes no map"
        return
    yield "# MAPNAME  CERTIFICATE-NAME  ROLE"
    for name, role in plan.mapped:
        wide = role == "all" or role.startswith("+")
        if wide and not able.any_role_map:
            raise InvalidInputError(
                f"PostgreSQL {able.version} cannot map {name} to {role}",
                hint="name each role; version 16 and later know all and +group here",
            )
        yield f"{plan.map_name}  {_name(name)}  {role if role == 'all' else _name(role)}"
    if plan.map_from_ca:
        yield "# all others stand in the lines of `pgward hba roles`, as the RoleMap at the CA says"
        return
    domain = ""
    if plan.strip_domain is not None:
        domain = "@" + re.escape(plan.strip_domain).replace("\\-", "-")
    pattern = _NAME.replace("@", "") if domain else _NAME
    yield rf"{plan.map_name}  /^({pattern}){domain}$  \1"


def _list(words: Iterable[str], *, database: bool) -> str:
    return ",".join(word if word in keywords(database=database) else _name(word) for word in words)


def _bare(word: str) -> bool:
    return _PLAIN.fullmatch(word.removeprefix("+")) is not None


def _name(word: str) -> str:
    if word.startswith("+"):
        # A quote at the very start would take the group's meaning away.
        return word if _bare(word) else "+" + quote(word[1:])
    return word if _PLAIN.fullmatch(word) and word not in _KEYWORDS else quote(word)


def _line(kind: str, databases: str, roles: str, address: str, method: str) -> str:
    line = f"{kind:<9}  {databases}  {roles}  {address}  {method}"
    if len(line.encode()) > _MAX_LINE:
        raise InvalidInputError(
            "the names do not fit into one line of pg_hba.conf",
            hint="make a role of which they are members, and name it as +role",
        )
    return line


def _setting(value: str) -> str:
    if value in {"on", "off"}:
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
