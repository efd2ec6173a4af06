"""Documents on their way to the CA: in batches, each of which is done whole or not at all."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.failures import ConflictsError, FieldsError
from pgward.client.manifest import Document, ManifestError
from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.system import terminal

MOST = 1000
MOST_BYTES = 900 * 1024
"""Of one request, with room for what is around the documents: the CA takes 1 MiB."""
_PLACE = re.compile(r"resources\[(\d+)\]\.?")
_PATH = "/v1/resources"
_NEVER_PRUNED = ("User", "Group")


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents, and what is to be deleted with them."""

    documents: Sequence[Document]
    deletions: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """Return it as the CA takes it."""
        deletions = {"delete": list(self.deletions)} if self.deletions else {}
        return {"resources": [each.value for each in self.documents], **deletions}


def batches(
    documents: Sequence[Document], deletions: Sequence[Mapping[str, Any]] = ()
) -> list[Batch]:
    """Return them in as few batches as the CA takes; deletions go with the last."""
    found: list[list[Document]] = [[]]
    size = 0
    for document in documents:
        more = len(json.dumps(document.value, ensure_ascii=False).encode()) + 2
        if found[-1] and (size + more > MOST_BYTES or len(found[-1]) >= MOST):
            found.append([])
            size = 0
        found[-1].append(document)
        size += more
    *first, final = found
    last = [Batch(final, deletions[:MOST])]
    rest = [
        Batch([], deletions[place : place + MOST]) for place in range(MOST, len(deletions), MOST)
    ]
    return [*(Batch(each) for each in first), *last, *rest]


def apply(
    api: ApiClient, wanted: Sequence[Batch], meant: Mapping[str, Any], *, dry_run: bool
) -> list[dict[str, Any]]:
    """Have the CA apply batches; return what became of each document, and then of each deletion.

    All are checked before the first is changed. ManifestError names files, lines and fields.
    """
    if dry_run or len(wanted) > 1:  # one alone is checked by being applied: whole or not at all
        found = _check(api, wanted, meant)
        if dry_run:
            return found
    return _write(api, wanted, meant)


def _check(
    api: ApiClient, wanted: Sequence[Batch], meant: Mapping[str, Any]
) -> list[dict[str, Any]]:
    changes: list[list[dict[str, Any]]] = []
    failures: list[ManifestError] = []
    for batch in wanted:
        try:
            changes.append(_send(api, batch, {**meant, "dry_run": True}))
        except ManifestError as error:
            failures.append(error)
    if failures:
        raise _all(failures)
    return _in_order(wanted, changes)


def _write(
    api: ApiClient, wanted: Sequence[Batch], meant: Mapping[str, Any]
) -> list[dict[str, Any]]:
    changes: list[list[dict[str, Any]]] = []
    for batch in wanted:
        try:
            changes.append(_send(api, batch, meant))
        except PgwardError as error:
            done = sum(map(len, changes))
            if done:
                terminal.note(f"applied before the failure: the first {done}")
            if isinstance(error, ManifestError) and not done:
                raise _all([error]) from error
            raise
    return _in_order(wanted, changes)


def _in_order(
    wanted: Sequence[Batch], changes: Sequence[list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    pairs = list(zip(wanted, changes, strict=True))
    made = [each for batch, found in pairs for each in found[: len(batch.documents)]]
    return made + [each for batch, found in pairs for each in found[len(batch.documents) :]]


def _send(api: ApiClient, batch: Batch, meant: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = api.post(_PATH, {**batch.body(), **meant})
    except (FieldsError, ConflictsError) as error:
        raise _explained(batch, error) from error
    found: list[dict[str, Any]] = answer["changes"]
    return found


def _explained(batch: Batch, error: FieldsError | ConflictsError) -> ManifestError:
    """Return what the CA refused in the words of the files."""
    places = sorted(_located(batch, error), key=lambda each: each[:2])
    wrong = ManifestError([text for *_, text in places] or [error.message], hint=error.hint)
    if isinstance(error, ConflictsError):  # the files are right, but late
        wrong.exit_code = ConflictError.exit_code
    return wrong


def _located(batch: Batch, error: FieldsError | ConflictsError) -> Iterator[tuple[int, int, str]]:
    for path, message in error.fields:
        match = _PLACE.match(path)
        if match is None or int(match[1]) >= len(batch.documents):
            yield len(batch.documents), 0, _of_deletion(batch, path, message)
            continue
        document, inner = batch.documents[int(match[1])], path[match.end() :]
        yield int(match[1]), document.line_at(inner), document.error(inner, message)


def _of_deletion(batch: Batch, path: str, message: str) -> str:
    match = re.match(r"delete\[(\d+)\]", path)
    if match is None or int(match[1]) >= len(batch.deletions):
        return f"{path} {message}".strip()
    gone = batch.deletions[int(match[1])]
    return f"{gone['kind']} {gone['name']}: {message}"


def _all(failures: Sequence[ManifestError]) -> ManifestError:
    problems = [each for error in failures for each in error.problems]
    whole = ManifestError(problems, hint="nothing was changed")
    whole.exit_code = max(each.exit_code for each in failures)
    return whole


def unnamed(
    api: ApiClient, documents: Sequence[Document], prune: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the resources of some kinds that no document names, to be deleted as they are now.

    Raises InvalidInputError for people and groups.
    """
    found = []
    for kind in dict.fromkeys(prune):
        for each in api.get(options.path("resources", kind))["resources"]:
            real, name = each["kind"], each["metadata"]["name"]
            if real in _NEVER_PRUNED:
                raise InvalidInputError(
                    f"{kind} cannot be pruned: people come by other ways than files, too",
                    hint=f"pgward delete {real.lower()} NAME",
                )
            if not any((d.kind, d.name) == (real, name) for d in documents):
                version = each["metadata"]["version"]
                found.append({"kind": real, "name": name, "version": version})
    return found
