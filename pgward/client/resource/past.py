"""``pgward history | rollback | describe``: what a resource was, and what hangs on it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.resource import diffs
from pgward.client.resource_commands import lockout_option, reason_option, tell, untried_option
from pgward.core.errors import NotFoundError
from pgward.system import terminal
from pgward.system.documents import to_yaml

_COLUMNS = {"version": "VERSION", "change": "CHANGE", "at": "AT", "by": "BY", "reason": "REASON"}
_PAGE = 100


@click.command()
@click.argument("kind")
@click.argument("name")
@click.option(
    "--version", "wanted", type=click.IntRange(1), metavar="N", help="Print this version as YAML."
)
@click.option("--diff", "differ", is_flag=True, help="Show what each change changed.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@options.output
def history(
    kind: str, name: str, *, wanted: int | None, differ: bool, limit: int, output: str
) -> None:
    """Show every change of a resource, the newest first: who, when and why.

    Also of one that was deleted.
    """
    with options.api() as api:
        if wanted is not None:
            _print(_version(api, kind, name, wanted), kind, name, output)
            return
        # One more, which the oldest that is shown is compared with.
        found = list(islice(_versions(api, kind, name, None, limit + 1), limit + 1))
    rows = [_row(each) for each in found[:limit]]
    if differ:
        older = [*found[1:], None]
        for row, each, before in zip(rows, found, older, strict=False):
            row["diff"] = diffs.lines(_resource(before, kind, name), _resource(each, kind, name))
    if output != "table":
        terminal.structured(rows, output)
    elif not differ:
        terminal.table(rows, _COLUMNS)
    else:
        for row in rows:
            _show(row)


def _show(row: Mapping[str, Any]) -> None:
    words = [f"version {row['version']}", row["change"], row["at"], f"by {row['by']}"]
    words += [row["reason"]] if row["reason"] else []
    terminal.echo(terminal.clean(", ".join(words)))
    for line in row["diff"]:
        terminal.echo(terminal.coloured(line, diffs.colour(line)))
    terminal.echo()


def _print(version: Mapping[str, Any], kind: str, name: str, output: str) -> None:
    found = _resource(version, kind, name)
    if found is None:
        terminal.note(f"version {version['version']} is its deletion")
    elif output == "json":
        terminal.structured(found, "json")
    else:
        terminal.echo(to_yaml(found))


def _version(api: ApiClient, kind: str, name: str, wanted: int) -> dict[str, Any]:
    found = next(_versions(api, kind, name, wanted + 1, 1), None)
    if found is None or found["version"] != wanted:
        raise NotFoundError(
            f"there is no version {wanted} of {kind} {name}", hint=f"pgward history {kind} {name}"
        )
    return found


def _versions(
    api: ApiClient, kind: str, name: str, before: int | None, most: int
) -> Iterator[dict[str, Any]]:
    while True:
        path = options.path("resources", kind, name, "history")
        page = api.get(path, before=before, limit=min(most, _PAGE))
        yield from page["versions"]
        before = page["next"]
        if before is None:
            return


def _row(version: Mapping[str, Any]) -> dict[str, Any]:
    restored = version["restored"]
    back = "" if restored is None else f" (as in {restored})"
    kept = {key: version[key] for key in ("version", "at", "by", "reason", "restored")}
    return kept | {"change": version["change"] + back}


def _resource(version: Mapping[str, Any] | None, kind: str, name: str) -> dict[str, Any] | None:
    if version is None or version["spec"] is None:
        return None
    metadata = {"name": name, "description": version["description"]}
    return diffs.own(
        {"kind": version.get("kind", kind), "metadata": metadata, "spec": version["spec"]}
    )


@click.command()
@click.argument("kind")
@click.argument("name")
@click.option(
    "--to",
    type=click.IntRange(1),
    metavar="VERSION",
    help="The version to go back to.  [default: what it was before its last change]",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@reason_option
@lockout_option
@untried_option
def rollback(
    kind: str, name: str, *, to: int | None, dry_run: bool, reason: str, **given: bool
) -> None:
    """Make a resource what it was, as a new version; also one that was deleted.

    It is checked as if it were applied now.
    """
    body = {"to": to, "dry_run": dry_run, "reason": reason, **given}
    with options.api() as api:
        done = api.post(options.path("resources", kind, name, "rollback"), body)
    for note in done.get("notes", ()):
        terminal.note(note)
    after = done["resource"]
    row = {"kind": after["kind"], "name": after["metadata"]["name"], "change": done["change"]}
    terminal.report(**row, version=after["metadata"]["version"], dry_run=dry_run)
    difference = diffs.lines(done.get("before"), after) if dry_run else []
    tell({**row, "diff": difference}, dry_run=dry_run)


@click.command()
@click.argument("kind")
@click.argument("name")
@options.output
def describe(kind: str, name: str, output: str) -> None:
    """Show a resource with what it refers to, what refers to it, and who changed it last."""
    with options.api() as api:
        found = api.get(options.path("resources", kind, name, "description"))
    if output != "table":
        terminal.structured(found, output)
        return
    terminal.echo(to_yaml(diffs.own(found["resource"])))
    _section("refers to", [_reference(each) for each in found["refers_to"]])
    _section("is referred to by", [_reference(each) for each in found["referred_to_by"]])
    _section("notes", found["notes"])
    word = found.get("connector")
    _section("connector", [] if word is None else list(_word(word)))
    rows = [_row(each) for each in found["versions"]]
    _section("last changes", [_line(row) for row in rows])


def _word(word: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of the connector that serves an integration."""
    yield f"{word['machine']}, heard last {word['last_seen_at'] or 'never'}"
    if word["told_at"] is not None:
        version = word["server_version"]
        server = "" if version is None else f", PostgreSQL {version}"
        yield f"it told at {word['told_at']}: {word['state'] or 'nothing'}{server}"
    for each in (word["problem"], word["trouble"]):
        if each is not None:
            yield each


def _section(title: str, lines: list[str]) -> None:
    if lines:
        terminal.echo(f"\n{title}:")
        for line in lines:
            terminal.echo(f"  {terminal.clean(line)}")


def _reference(each: Mapping[str, Any]) -> str:
    missing = "" if each["exists"] else ", which does not exist"
    return f"{each['kind']} {each['name']} ({each['field']}){missing}"


def _line(row: Mapping[str, Any]) -> str:
    why = f": {row['reason']}" if row["reason"] else ""
    return f"version {row['version']} {row['change']} {row['at']} by {row['by']}{why}"
