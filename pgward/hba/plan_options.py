"""The options of ``hba generate`` and ``hba apply`` that make up a plan."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.model import Auth, Plan, TlsFiles

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--auth",
        type=click.Choice([auth.value for auth in Auth]),
        default=Auth.CERT.value,
        show_default=True,
        help="How people prove who they are.",
    ),
    click.option(
        "--database",
        "databases",
        multiple=True,
        metavar="NAME",
        help="Database; repeat it for more (default: all).",
    ),
    click.option(
        "--role",
        "roles",
        multiple=True,
        metavar="NAME",
        help="Role, or +GROUP; repeat it for more (default: all).",
    ),
    click.option(
        "--address",
        "addresses",
        multiple=True,
        metavar="NETWORK",
        help="Where clients come from: 10.0.0.0/8, samenet, a name; repeat it for more"
        " (default: all).",
    ),
    click.option(
        "--password-role",
        "password_roles",
        multiple=True,
        metavar="NAME",
        help="With cert-or-scram: a role that logs in with a password and no certificate;"
        " repeat it for more.",
    ),
    click.option(
        "--cert-role",
        "cert_roles",
        multiple=True,
        metavar="NAME",
        help="Role that logs in by a certificate in its own name, past the map: a connector's"
        " account; repeat it for more.",
    ),
    click.option(
        "--replication-role",
        "replication_roles",
        multiple=True,
        metavar="NAME",
        help="Role that may stream replication, by the same method; repeat it for more.",
    ),
    click.option(
        "--superuser",
        "superusers",
        multiple=True,
        metavar="NAME",
        help="Superuser to refuse over the network; repeat it for more (default: postgres).",
    ),
    click.option("--allow-superusers", is_flag=True, help="Refuse no superuser."),
    click.option(
        "--map",
        "map_name",
        default="pgward",
        show_default=True,
        metavar="NAME",
        help="Name of the map in pg_ident.conf.",
    ),
    click.option(
        "--map-to",
        "mapped",
        multiple=True,
        metavar="PERSON=ROLE",
        help="Let a person log in as another role too; repeat it for more.",
    ),
    click.option(
        "--strip-domain",
        metavar="DOMAIN",
        help="Certificate names end in @DOMAIN, which roles do not.",
    ),
    click.option(
        "--map-from-ca",
        is_flag=True,
        help="Nobody is the role of the own name: `pgward hba roles` writes the map.",
    ),
)


def plan_options(command: Decorated) -> Decorated:
    """Add the options, and give ``make_plan(tls_files)`` to the command instead of them."""

    @functools.wraps(command)
    def with_plan(*args: Any, **kwargs: Any) -> Any:
        names = [option_name for option_name in _NAMES if option_name in kwargs]
        chosen = {name: kwargs.pop(name) for name in names}
        return command(*args, make_plan=functools.partial(_plan, chosen), **kwargs)

    decorated: Any = with_plan
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


_NAMES = (
    *("auth", "databases", "roles", "addresses", "password_roles", "cert_roles"),
    "replication_roles",
    *("superusers", "allow_superusers", "map_name", "mapped", "strip_domain"),
    "map_from_ca",
)


def _plan(chosen: dict[str, Any], tls: TlsFiles) -> Plan:
    superusers = chosen["superusers"] or ("postgres",)
    return Plan(
        auth=Auth(chosen["auth"]),
        databases=chosen["databases"] or ("all",),
        roles=chosen["roles"] or ("all",),
        addresses=chosen["addresses"] or ("all",),
        password_roles=chosen["password_roles"],
        cert_roles=chosen["cert_roles"],
        replication_roles=chosen["replication_roles"],
        superusers=() if chosen["allow_superusers"] else superusers,
        map_name=chosen["map_name"],
        mapped=tuple(_pair(text) for text in chosen["mapped"]),
        strip_domain=chosen["strip_domain"],
        map_from_ca=chosen["map_from_ca"],
        tls=tls,
    )


def _pair(text: str) -> tuple[str, str]:
    person, equals, role = text.partition("=")
    if not equals or not person or not role:
        raise InvalidInputError(f"{text!r} is not PERSON=ROLE", hint="for example alice=app_owner")
    return person, role
