"""``pgward export`` and ``pgward schema``: all that is declared, and how one may declare it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.phrases import counted
from pgward.client.resource import diffs
from pgward.core.errors import InvalidInputError
from pgward.system import terminal
from pgward.system.documents import to_yaml
from pgward.system.files import StorageError, atomic_write, storage_errors

_MODE = 0o644
_ENDS = ".yaml"


@click.command()
@click.argument("kinds", metavar="[KIND]...", nargs=-1)
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write one file for each resource there, in place of all of them to standard output.",
)
def export(kinds: tuple[str, ...], directory: Path | None) -> None:
    """Write resources as YAML that can be applied again: all of them, or those of some KINDs.

    What the authority itself wrote (versions, times) is left out. Values of secrets and passwords
    are not among resources, so they are not in it.
    """
    with options.api() as api:
        found = everything(api, kinds)
    if directory is None:
        terminal.documents(found)
        return
    written = write_all(directory, found)
    terminal.report(directory=str(directory), resources=len(found))
    for left in sorted({each.name for each in directory.glob(f"*{_ENDS}")} - written):
        terminal.note(f"{directory / left} is of no resource that was exported")
    terminal.note(f"{counted(len(found), 'resource')} in {directory}")


def everything(api: ApiClient, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return resources as people write them, by kind and name."""
    chosen = list(kinds) or api.get("/v1/schemas")["kinds"]
    return [
        diffs.own(each)
        for kind in dict.fromkeys(chosen)
        for each in api.get(options.path("resources", kind))["resources"]
    ]


def write_all(directory: Path, found: Sequence[dict[str, Any]]) -> set[str]:
    """Write a file for each; return their names. Raises StorageError."""
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    names = set()
    for each in found:
        name = file_name(each)
        path, data = directory / name, (to_yaml(each) + "\n").encode()
        if not _is(path, data):
            atomic_write(path, data, _MODE)
        names.add(name)
    return names


def file_name(resource: dict[str, Any]) -> str:
    """Return the name of a resource's file, which lies nowhere else; raise InvalidInputError."""
    name = f"{resource['kind'].lower()}-{resource['metadata']['name']}{_ENDS}"
    if "/" in name or not name.isprintable():
        raise InvalidInputError(f"{name!r} cannot be a file's name")
    return name


def _is(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}"
        ) from error


@click.command()
@click.argument("kind", required=False)
@options.output
def schema(kind: str | None, output: str) -> None:
    """Print the JSON Schema of a KIND, for editors and other programs; without one, the kinds.

    pgward schema Service > service.json
    """
    with options.api() as api:
        if kind is None:
            kinds = api.get("/v1/schemas")["kinds"]
            terminal.table([{"kind": each} for each in kinds], {"kind": "KIND"}, output)
            return
        found = api.get(options.path("schemas", kind))["schema"]
    terminal.structured(found, "yaml" if output == "yaml" else "json")
