"""``pgward catalog``: what servers hold, their roles, and who was granted what."""

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import NotFoundError
from pgward.system import terminal

_PAGE = 1000
_INTEGRATIONS = {
    "integration": "INTEGRATION",
    "version": "POSTGRESQL",
    "databases": "DATABASES",
    "tables": "TABLES",
    "roles": "ROLES",
    "looked": "LOOKED AT",
    "problem": "PROBLEM",
}
_OBJECTS = {
    "database": "DATABASE",
    "kind": "KIND",
    "named": "NAME",
    "owner": "OWNER",
    "rows": "ROWS",
    "sized": "SIZE",
    "tagged": "TAGS",
    "comment": "COMMENT",
}
_ROLES = {"name": "ROLE", "may": "MAY", "members": "MEMBER OF", "comment": "COMMENT"}
_GRANTS = {
    "grantee": "TO",
    "way": "BY WAY OF",
    "privileges": "PRIVILEGES",
    "database": "DATABASE",
    "kind": "KIND",
    "named": "ON",
    "owner": "OWNER",
}
_KINDS = ("database", "schema", "table", "sequence", "function")
_EVERYBODY = "PUBLIC"
_KILO = 1024
_MISTYPED = 0.75  # so much alike is a command with a slip
_FULL = click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True, help="At most so many."
)


class _Catalog(click.Group):
    """Takes what is no command, and nearly none, for an integration to list."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command."""
        known = self.list_commands(ctx)
        if args[0] not in known and not get_close_matches(args[0], known, cutoff=_MISTYPED):
            args = ["ls", *args]
        return super().resolve_command(ctx, args)


@click.group("catalog", cls=_Catalog, invoke_without_command=True)
@options.output
@click.pass_context
def catalog(context: click.Context, output: str) -> None:
    """Show what databases hold, their roles, and who was granted what.

    Connectors look at the servers of their integrations on a schedule. `pgward catalog NAME` is
    short for `pgward catalog ls NAME`.
    """
    if context.invoked_subcommand is None:
        _list(output)


@catalog.command("ls", short_help="Search databases, schemas, tables and functions.")
@click.argument("integration", required=False)
@click.option("--database", metavar="NAME", help="Only in this database.")
@click.option("--schema", metavar="NAME", help="Only in this schema.")
@click.option(
    "--kind", type=click.Choice(_KINDS), help="Only of this kind; a table is a view, too."
)
@click.option("--owner", metavar="ROLE", help="Only what this role owns.")
@click.option("--search", metavar="WORD", help="Only with this in the name or the comment.")
@click.option(
    "--tag", metavar="KEY=VALUE", multiple=True, help="Only with this tag; may be repeated."
)
@_FULL
@options.output
def list_objects(
    *, integration: str | None, tag: tuple[str, ...], limit: int, output: str, **wanted: str | None
) -> None:
    """Search what the databases of INTEGRATION hold, or those of all."""
    rows: list[dict[str, Any]] = []
    cut = False
    with options.api() as api:
        for name in [integration] if integration else _names(api):
            asked = {**wanted, "tag": list(tag)}
            found, more = _objects(api, name, asked, limit - len(rows))
            rows += [{"integration": name, **each} for each in found]
            cut = cut or more
            if len(rows) >= limit:
                break
    if output == "table":
        shown = [{**row, **_object(row)} for row in rows]
        columns = _OBJECTS if integration else {"integration": "INTEGRATION", **_OBJECTS}
        terminal.table(shown, columns, output, empty="nothing like that is known")
    else:
        terminal.table(rows, _OBJECTS, output)
    _told(limit, cut=cut)


@catalog.command("roles", short_help="List a server's roles.")
@click.argument("integration")
@click.option("--search", metavar="WORD", help="Only with this in the name.")
@_FULL
@options.output
def list_roles(integration: str, search: str | None, limit: int, output: str) -> None:
    """List the roles of INTEGRATION's server: what they may, and whose members they are."""
    with options.api() as api:
        rows, cut = _pages(api, integration, "roles", {"search": search}, limit)
    shown = [{**row, **_role(row)} for row in rows] if output == "table" else rows
    terminal.table(shown, _ROLES, output, empty="no such role is known")
    _told(limit, cut=cut)


@catalog.command("grants", short_help="List who was granted what.")
@click.argument("integration")
@click.option("--to", metavar="ROLE", help="What this role has: also by memberships, and PUBLIC's.")
@click.option("--direct", is_flag=True, help="With --to: only what the role itself was granted.")
@click.option("--on", metavar="[SCHEMA.]NAME", help="On tables, sequences, functions of this name.")
@click.option("--database", metavar="NAME", help="Only in this database.")
@click.option("--schema", metavar="NAME", help="Only in this schema.")
@click.option("--privilege", metavar="WORD", help="Only with this one, for example SELECT.")
@_FULL
@options.output
def list_grants(
    *,
    integration: str,
    to: str | None,
    direct: bool,
    on: str | None,
    database: str | None,
    schema: str | None,
    privilege: str | None,
    limit: int,
    output: str,
) -> None:
    """List who was granted what on INTEGRATION's server.

    It is what the server keeps as grants: what owners and superusers may besides is not in it.
    """
    if on is not None:
        before, dot, name = on.rpartition(".")
        schema, on = (before, name) if dot else (schema, on)
    asked = {
        "to": to,
        "direct": "true" if direct else None,
        "name": on,
        "schema": schema,
        "database": database,
        "privilege": privilege,
    }
    with options.api() as api:
        rows, cut = _pages(api, integration, "grants", asked, limit)
    shown = [{**row, **_grant(row)} for row in rows] if output == "table" else rows
    terminal.table(shown, _GRANTS, output, empty="no such grant is known")
    _told(limit, cut=cut)


@catalog.command("refresh", short_help="Have a server looked at now.")
@click.argument("integration")
def refresh(integration: str) -> None:
    """Have the connector of INTEGRATION look at its server now."""
    with options.api() as api:
        asked = api.post(options.path("catalog", integration, "refresh"))
    who = asked["connector"] or asked["edge"]
    terminal.report(**asked)
    terminal.note(f"asked {who} for it: `pgward catalog` shows when it is done")


def _list(output: str) -> None:
    with options.api() as api:
        found = api.get("/v1/catalog")["integrations"]
    now = SystemClock().now()
    shown = [_integration(each, now) for each in found] if output == "table" else found
    terminal.table(shown, _INTEGRATIONS, output, empty="there is no integration")


def _names(api: Any) -> list[str]:
    return [str(each["integration"]) for each in api.get("/v1/catalog")["integrations"]]


def _objects(
    api: Any, integration: str, asked: dict[str, Any], limit: int
) -> tuple[list[dict[str, Any]], bool]:
    try:
        return _pages(api, integration, "objects", asked, limit)
    except NotFoundError as error:
        hint = (
            f"pgward catalog lists integrations; in all: pgward catalog ls --search {integration}"
        )
        raise NotFoundError(error.message, hint=hint) from error


def _pages(
    api: Any, integration: str, what: str, asked: dict[str, Any], limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return rows, so many at most, and whether there are more."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    path = options.path("catalog", integration, what)
    while True:
        most = min(_PAGE, limit - len(rows))
        found = api.get(path, **asked, limit=most, cursor=cursor)
        rows += found[what]
        cursor = found["cursor"]
        if cursor is None or len(rows) >= limit:
            return rows, cursor is not None


def _told(limit: int, *, cut: bool) -> None:
    if cut:
        terminal.note(f"only the first {limit} are shown; --limit shows more")


def _integration(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    taken = found["taken_at"]
    hindered = [each for each in found["databases"].values() if each]
    problem = found["failure"] or (hindered[0] if len(hindered) == 1 else None)
    if problem is None and hindered:
        problem = f"{counted(len(hindered), 'database')} cannot be read"
    problem = problem or found["problem"]
    counts = found["counts"]
    return {
        "integration": found["integration"],
        "version": found["server_version"],
        "databases": counts.get("database"),
        "tables": counts.get("table"),
        "roles": counts.get("role"),
        "looked": "never" if taken is None else when(parse_rfc3339(taken), now),
        "problem": problem,
    }


def _object(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": row["detail"] or row["kind"],
        "named": _named(row),
        "sized": _size(row["size"]),
        "tagged": [f"{key}={value}" for key, value in sorted(row["tags"].items())],
    }


def _role(row: dict[str, Any]) -> dict[str, Any]:
    attributes = row["attributes"]
    words = [key for key, value in sorted(attributes.items()) if value is True]
    told = {"limit": "limit", "valid_until": "until"}
    words += [f"{word} {attributes[key]}" for key, word in told.items() if key in attributes]
    return {"may": words, "members": [_membership(each) for each in row["member_of"]]}


def _membership(each: dict[str, Any]) -> str:
    less = [word for word in ("inherit", "set") if not each[word]]
    notes = (["admin"] if each["admin"] else []) + [f"no {word}" for word in less]
    return f"{each['role']} ({', '.join(notes)})" if notes else str(each["role"])


def _grant(row: dict[str, Any]) -> dict[str, Any]:
    grantable = set(row["grantable"])
    column = f" ({row['column']})" if row["column"] else ""
    kind = row["kind"]
    if kind == "default":
        named = f"{row['detail']}s that {row['name']} makes"
        named += f" in {row['schema']}" if row["schema"] else ""
    else:
        named = _named(row) + column
    return {
        "grantee": _EVERYBODY if row["grantee"] is None else row["grantee"],
        "way": " > ".join(row["by_way_of"]),
        "privileges": [f"{each}*" if each in grantable else each for each in row["privileges"]],
        "kind": row["detail"] if row["detail"] and kind != "default" else kind,
        "named": named,
    }


def _named(row: dict[str, Any]) -> str:
    """Return an object's name as people write it; a database is its own."""
    name = ".".join(each for each in (row["schema"], row["name"]) if each)
    signature = f"({row['signature']})" if row["kind"] == "function" else ""
    return f"{name or row['database']}{signature}"


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    units, number = ["B", "kB", "MB", "GB"], float(size)
    for unit in units:
        if number < _KILO:
            return f"{number:.0f} {unit}"
        number /= _KILO
    return f"{number:.0f} TB"
