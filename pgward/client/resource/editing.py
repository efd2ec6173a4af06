"""``pgward edit``: a resource in an editor, until it is right; nothing that was typed is lost."""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pgward.client import manifest, options
from pgward.client.api import ApiClient
from pgward.client.failures import FieldsError
from pgward.client.resource import diffs
from pgward.client.resource_commands import lockout_option, reason_option, untried_option
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError, PgwardError
from pgward.system import terminal
from pgward.system.documents import to_yaml
from pgward.system.files import storage_errors

_MARK = "#: "
_HOW = "change what you like, save, and leave the editor; an empty file changes nothing"
_VERSION = re.compile(r"^(?P<before>\s+version:\s*)\d+\s*$", re.MULTILINE)
_MAX_DIFF = 60


@click.command()
@click.argument("kind")
@click.argument("name")
@reason_option
@lockout_option
@untried_option
def edit(kind: str, name: str, reason: str, **given: bool) -> None:
    """Change a resource in an editor: $VISUAL, $EDITOR, or vi.

    What is wrong with it stands on top of the file, and the editor opens again. If somebody else
    changed it meanwhile, their change stands there, and nothing of either is overwritten unseen.
    """
    query = {each: "true" for each, is_meant in given.items() if is_meant}
    query |= {"reason": reason} if reason else {}
    with options.api() as api, storage_errors(Path(tempfile.gettempdir())):
        found = api.get(options.path("resources", kind, name))["resource"]
        path = Path(tempfile.mkdtemp(prefix="pgward-edit-")) / "resource.yaml"
        _Editing(api, path, found, query).run()


@dataclass(slots=True)
class _Editing:
    """One resource being edited: ``base`` is what its changes are made to."""

    api: ApiClient
    path: Path
    base: dict[str, Any]
    query: Mapping[str, str]

    @property
    def what(self) -> str:
        return terminal.clean(f"{self.base['kind']} {self.base['metadata']['name']}")

    def run(self) -> None:
        body, problems = to_yaml(editable(self.base)) + "\n", [_HOW]
        trouble: PgwardError | None = None
        while True:
            text = header(problems) + body
            left = self._edited(text)
            body = "".join(each for each in left.splitlines(True) if not each.startswith(_MARK))
            if not body.strip():
                self._end(f"{self.what} unchanged")
                return
            if left == text:
                if trouble is not None:
                    raise self._kept(trouble)
                self._end(f"{self.what} unchanged")
                return
            try:
                change = self._send(body)
            except (ConflictError, InvalidInputError, NotFoundError) as error:
                trouble = error
                body, problems = self._again(body, error)
                continue
            except PgwardError as error:
                raise self._kept(error) from error
            for note in change.get("notes", ()):
                terminal.note(note)
            self._end(f"{self.what} {change['change']}")
            return

    def _edited(self, text: str) -> str:
        """Return what the editor leaves."""
        self.path.write_text(text, encoding="utf-8")
        try:
            status = subprocess.run([*editor(os.environ), str(self.path)], check=False).returncode
        except OSError as error:
            self._end(None)
            raise InvalidInputError(
                f"the editor cannot be started: {(error.strerror or str(error)).lower()}",
                hint="say which one: EDITOR=nano pgward edit …",
            ) from error
        found = manifest.decode(self.path.read_bytes(), str(self.path))
        if status != 0:
            raise self._kept(InvalidInputError(f"the editor ended with status {status}"))
        return found

    def _send(self, body: str) -> dict[str, Any]:
        documents = manifest.read_text(body, "the file")
        kind, name = self.base["kind"], self.base["metadata"]["name"]
        if [(each.kind, each.name) for each in documents] != [(kind, name)]:
            raise InvalidInputError(f"this must be {kind} {name}, and nothing else")
        return self.api.put(options.path("resources", kind, name), documents[0].value, **self.query)

    def _again(self, body: str, error: PgwardError) -> tuple[str, list[str]]:
        """Return what to edit next, and what to say on top of it."""
        problems = problems_of(error)
        if not isinstance(error, ConflictError):
            return body, [*problems, _HOW]
        with suppress(NotFoundError):
            kind, name = self.base["kind"], self.base["metadata"]["name"]
            now = self.api.get(options.path("resources", kind, name))["resource"]
            if now["metadata"]["version"] != self.base["metadata"]["version"]:
                difference = diffs.lines(self.base, now)[2:_MAX_DIFF]
                by = now["metadata"].get("updatedBy")
                problems += [f"{by} changed this since; without this line, yours replaces it:"]
                problems += difference
                version = str(now["metadata"]["version"])
                body = _VERSION.sub(lambda match: match["before"] + version, body, count=1)
                self.base = now
        return body, [*problems, _HOW]

    def _end(self, text: str | None) -> None:
        self.path.unlink(missing_ok=True)
        self.path.parent.rmdir()
        if text is not None:
            terminal.echo(text)

    def _kept(self, error: PgwardError) -> PgwardError:
        """Return the error with where the file is: what somebody typed is not thrown away."""
        terminal.note(f"nothing was changed; your file is {self.path}")
        error.hint = error.hint or f"correct it, then pgward apply -f {self.path}"
        return error


def editable(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there to be edited, with the version that guards the change."""
    found = diffs.own(resource)
    found["metadata"]["version"] = resource["metadata"]["version"]
    return found


def editor(environ: Mapping[str, str]) -> list[str]:
    """Return the words of the editor's command."""
    chosen = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        return shlex.split(chosen) or ["vi"]
    except ValueError as error:
        raise InvalidInputError(f"EDITOR is no command: {chosen}") from error


def header(lines: Sequence[str]) -> str:
    """Return lines as comments that are ours, and go again."""
    return "".join(f"{_MARK}{terminal.clean(line)}\n" for line in lines)


def problems_of(error: PgwardError) -> list[str]:
    """Return what is wrong, one problem a line, each by its field."""
    if isinstance(error, FieldsError) and error.fields:
        return [f"{path}: {message}" for path, message in error.fields]
    return error.message.split("\n") + ([error.hint] if error.hint else [])
