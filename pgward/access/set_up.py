"""SQL that makes the connector's account, with no more rights than its work takes.

An account needs CREATEROLE (it makes access roles), what it is to grant on (the owners' roles, or
grant options), and from 16 on the ADMIN option on roles that it is to grant (manual, chapter 21.2).
It needs no pg_signal_backend, and is no superuser anywhere.
"""

from collections.abc import Sequence
from typing import Final

from pgward.access.quoting import identifier, is_name
from pgward.access.statements import FIRST_OPTIONS
from pgward.core.errors import InvalidInputError

_RUN_AS: Final = {
    "self": "a superuser",
    "rds": "the master user (a member of rds_superuser), and as the owners of what they own",
    "cloudsql": "postgres (a member of cloudsqlsuperuser), and as the owners of what they own",
    "azure": "the administrator (a member of azure_pg_admin), and as the owners of what they own",
}
FLAVOURS: Final = tuple(_RUN_AS)
OLDEST: Final = 11


def sql(
    version: int,
    flavour: str = "self",
    *,
    user: str,
    databases: Sequence[str] = (),
    owners: Sequence[str] = (),
    roles: Sequence[str] = (),
    reassign_to: str | None = None,
) -> str:
    """Return a script for psql that makes ``user``, the connector's account, on a server.

    ``owners`` own what is to be granted on; ``roles`` are those whose memberships are granted;
    ``reassign_to`` gets what access roles leave behind. Raises InvalidInputError.
    """
    if flavour not in _RUN_AS:
        raise InvalidInputError(
            f"{flavour!r} is no flavour of PostgreSQL", hint=f"one of {', '.join(FLAVOURS)}"
        )
    if version < OLDEST:
        raise InvalidInputError(f"PostgreSQL {version} is too old, {OLDEST} is the oldest")
    wrong = next((each for each in (user, *databases, *owners, *roles) if not is_name(each)), None)
    if wrong is not None or (reassign_to is not None and not is_name(reassign_to)):
        raise InvalidInputError(f"{wrong or reassign_to!r} is no name", hint="1 to 63 bytes")
    account = identifier(user)
    lines = [
        f"-- The account of pgward's connector on PostgreSQL {version}.",
        f"-- Run it as {_RUN_AS[flavour]}.",
        "-- It sets no password: choose one with \\password, or let it log in by a certificate.",
        "SET search_path = pg_catalog;",
        f"CREATE ROLE {account} LOGIN CREATEROLE;",
        *_databases(account, databases),
        *_owners(account, owners, version),
        *_roles(account, roles, version),
        *_heir(account, reassign_to, version, owners),
    ]
    return "\n".join(lines) + "\n"


def _databases(account: str, databases: Sequence[str]) -> list[str]:
    if not databases:
        return []
    return [
        "",
        "-- It enters these databases, and may grant CONNECT to them.",
        *(
            f"GRANT CONNECT ON DATABASE {identifier(each)} TO {account} WITH GRANT OPTION;"
            for each in databases
        ),
    ]


def _owners(account: str, owners: Sequence[str], version: int) -> list[str]:
    told = [
        "",
        "-- It grants on what these roles own, as a member of them. What a superuser owns it can",
        "-- grant only by a grant option: GRANT SELECT ON TABLE … TO … WITH GRANT OPTION.",
    ]
    options = " WITH ADMIN FALSE, INHERIT TRUE, SET TRUE" if version >= FIRST_OPTIONS else ""
    return [*told, *(f"GRANT {identifier(each)} TO {account}{options};" for each in owners)]


def _roles(account: str, roles: Sequence[str], version: int) -> list[str]:
    if not roles:
        return []
    if version < FIRST_OPTIONS:
        return [
            "",
            "-- Before version 16, CREATEROLE is enough to grant any role but a superuser's.",
        ]
    return [
        "",
        "-- It makes people members of these roles, and is none itself.",
        *(
            f"GRANT {identifier(each)} TO {account} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;"
            for each in roles
        ),
    ]


def _heir(account: str, heir: str | None, version: int, owners: Sequence[str]) -> list[str]:
    if heir is None:
        return []
    options = " WITH ADMIN FALSE, INHERIT TRUE, SET TRUE" if version >= FIRST_OPTIONS else ""
    return [
        "",
        "-- It hands what access roles own at their end on to this role, which needs CREATE on the",
        "-- schemas where people may make things: GRANT CREATE ON SCHEMA … TO ….",
        *([] if heir in owners else [f"GRANT {identifier(heir)} TO {account}{options};"]),
    ]
