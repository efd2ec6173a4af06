"""``pgward apply | get | delete``: resources as declared in YAML."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pgward.client import manifest, options
from pgward.client.manifest import Document
from pgward.client.phrases import counted
from pgward.client.resource import diffs, sending, tables
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import terminal

files_option = click.option(
    "-f",
    "--filename",
    "sources",
    multiple=True,
    metavar="FILE|DIR|-",
    help="A YAML file, a directory of them, or - for standard input; repeat it for more.",
)
reason_option = click.option(
    "-m",
    "--reason",
    default="",
    metavar="TEXT",
    help="Why, for the history and the audit log.",
)
lockout_option = click.option(
    "--allow-lockout",
    is_flag=True,
    help="Apply also a login rule under which no administrator could log in.",
)
untried_option = click.option(
    "--untried",
    is_flag=True,
    help="Apply also an identity provider that cannot be used now.",
)


@click.command()
@files_option
@click.option(
    "--dry-run", is_flag=True, help="Check everything, show the differences, change nothing."
)
@reason_option
@click.option(
    "--prune",
    multiple=True,
    metavar="KIND",
    help="Delete the resources of this kind that no file names; repeat it for more.",
)
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
@lockout_option
@untried_option
@options.output
def apply(
    *,
    sources: tuple[str, ...],
    dry_run: bool,
    reason: str,
    prune: tuple[str, ...],
    yes: bool,
    output: str,
    **given: bool,
) -> None:
    """Create or change resources until they are as the files say.

    All of them are checked before the first one is changed, and up to a thousand are changed
    together or not at all. An error names file, line and field. Identity providers are tried out,
    as far as that is possible.

    --dry-run shows what would change. --prune makes the files all that there is of a kind; it asks
    before it deletes.
    """
    if not sources:
        raise InvalidInputError("no file is named", hint="pgward apply -f services.yaml")
    documents = _read_all(sources)
    meant: dict[str, Any] = {name: True for name, is_meant in given.items() if is_meant}
    meant |= {"reason": reason} if reason else {}
    with options.api() as api:
        gone = sending.unnamed(api, documents, prune)
        if gone and not dry_run:
            _ask(gone, yes=yes)
        batches = sending.batches(documents, gone)
        changes = sending.apply(api, batches, meant, dry_run=dry_run)
    for note in [note for each in changes for note in each.get("notes", ())]:
        terminal.note(note)
    rows = [_row(each, dry_run=dry_run) for each in changes]
    if output != "table":
        terminal.structured(rows, output)
        return
    for row in rows:
        tell(row, dry_run=dry_run)


def tell(row: dict[str, Any], *, dry_run: bool) -> None:
    """Write what became of a resource, after what is different, if it is only tried."""
    for line in row.get("diff", ()):
        terminal.echo(terminal.coloured(line, diffs.colour(line)))
    suffix = " (dry run)" if dry_run else ""
    terminal.echo(terminal.clean(f"{row['kind']} {row['name']} {row['change']}{suffix}"))


def _row(change: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    before, after = change.get("before"), change.get("resource")
    one = after or before or {}
    row = {
        "kind": one.get("kind"),
        "name": (one.get("metadata") or {}).get("name"),
        "change": change["change"],
        "dry_run": dry_run,
    }
    return row | ({"diff": diffs.lines(before, after)} if dry_run else {})


def _ask(gone: Sequence[dict[str, Any]], *, yes: bool) -> None:
    """Say what --prune would delete, and ask; InvalidInputError where the answer is no."""
    for each in gone:
        terminal.note(f"no file names {each['kind']} {each['name']}")
    if not yes and not terminal.confirm(f"Delete {counted(len(gone), 'resource')}?"):
        raise InvalidInputError(
            "nothing was changed, as nobody said that these are to be deleted",
            hint="--yes says so; --dry-run shows what would change",
        )


@click.command()
@click.argument("kind")
@click.argument("name", required=False)
@options.output
def get(kind: str, name: str | None, output: str) -> None:
    """Show the resources of a KIND, or the one called NAME.

    KINDs are services, policies, integrations, rolebundles, accessflows, certificateprofiles,
    loginrules, rolemaps, identityproviders, secrets (without values), users and groups.

    What `-o yaml` prints can be changed and applied again.
    """
    with options.api() as api:
        if name is None:
            found = api.get(options.path("resources", kind))["resources"]
        else:
            found = [api.get(options.path("resources", kind, name))["resource"]]
    if output == "yaml":
        terminal.documents(found)
    elif output == "json":
        terminal.structured(found if name is None else found[0], "json")
    else:
        tables.show(found, kind)


@click.command()
@click.argument("kind", required=False)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@files_option
@reason_option
def delete(kind: str | None, names: tuple[str, ...], sources: tuple[str, ...], reason: str) -> None:
    """Remove resources: by KIND and NAME (service orders), or those that files name.

    All of them go, or none. Edges stop serving a removed service at once. `pgward rollback` brings
    one back.
    """
    if bool(names) == bool(sources) or (sources and kind):
        raise InvalidInputError(
            "name resources or files", hint="pgward delete service NAME, or pgward delete -f FILE"
        )
    chosen = [(str(kind), name) for name in names]
    chosen += [(each.kind, each.name) for each in _read_all(sources)]
    gone = [{"kind": each, "name": name} for each, name in dict.fromkeys(chosen)]
    with options.api() as api:
        meant = {"reason": reason} if reason else {}
        if len(gone) == 1:
            one = options.path("resources", gone[0]["kind"], gone[0]["name"])
            api.call("DELETE", one, params=meant)
        else:
            sending.apply(api, sending.batches([], gone), meant, dry_run=False)
    for each in gone:
        terminal.add("deleted", each, terminal.clean(f"{each['kind']} {each['name']} deleted"))


def _read_all(sources: Sequence[str]) -> list[Document]:
    documents = manifest.join([_read_source(source) for source in sources])
    manifest.refuse_twice(documents)
    return documents


def _read_source(source: str) -> list[Document] | PgwardError:
    try:
        if source != "-":
            return manifest.read_path(Path(source))
        data = sys.stdin.buffer.read(manifest.MAX_BYTES + 1)
        return manifest.read_text(manifest.decode(data, "stdin"), "stdin")
    except PgwardError as error:
        return error
