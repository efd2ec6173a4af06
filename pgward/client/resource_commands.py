"""``pgward apply | get | delete``: resources as declared in YAML."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pgward.client import idp_spec, manifest, options
from pgward.client.api import ApiClient
from pgward.client.failures import FieldsError
from pgward.client.manifest import Document, ManifestError
from pgward.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from pgward.system import terminal

_SERVICES = {
    "name": "NAME",
    "mode": "MODE",
    "upstream": "UPSTREAM",
    "groups": "GROUPS",
    "users": "USERS",
    "edges": "EDGES",
    "description": "DESCRIPTION",
}

_PROFILES = {
    "name": "NAME",
    "for": "FOR",
    "lifetime": "LIFETIME",
    "keys": "KEYS",
    "names": "NAMES",
    "description": "DESCRIPTION",
}

_RULES = {
    "name": "NAME",
    "for": "FOR",
    "requires": "REQUIRES",
    "description": "DESCRIPTION",
}

_POLICIES = {
    "name": "NAME",
    "rules": "RULES",
    "on": "ON",
    "otherwise": "OTHERWISE",
    "description": "DESCRIPTION",
}

_ROLE_MAPS = {
    "name": "NAME",
    "hosts": "HOSTS",
    "people": "PEOPLE",
    "roles": "ROLES",
    "managed": "MANAGED",
    "description": "DESCRIPTION",
}

files_option = click.option(
    "-f",
    "--filename",
    "sources",
    multiple=True,
    metavar="FILE|DIR|-",
    help="A YAML file, a directory of them, or - for standard input; repeat it for more.",
)


@click.command()
@files_option
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option(
    "--allow-lockout",
    is_flag=True,
    help="Apply also a login rule under which no administrator could log in.",
)
@click.option(
    "--untried",
    is_flag=True,
    help="Apply also an identity provider that cannot be used now.",
)
@options.output
def apply(*, sources: tuple[str, ...], dry_run: bool, output: str, **given: bool) -> None:
    """Create or change resources until they are as the files say.

    All of them are checked before the first one is changed. An error names file, line and field.
    Identity providers are tried out, as far as that is possible.
    """
    if not sources:
        raise InvalidInputError("no file is named", hint="pgward apply -f services.yaml")
    documents = _read_all(sources)
    with options.api() as api:
        meant = {name: "true" for name, is_meant in given.items() if is_meant}
        replies = _check_all(api, documents, meant)
        if not dry_run:
            replies = _write_all(api, documents, meant)
    for note in [note for reply in replies for note in reply.get("notes", ())]:
        terminal.note(note)
    rows = [
        {"kind": each.kind, "name": each.name, "change": reply["change"], "dry_run": dry_run}
        for each, reply in zip(documents, replies, strict=True)
    ]
    if output != "table":
        terminal.structured(rows, output)
        return
    for row in rows:
        suffix = " (dry run)" if dry_run else ""
        terminal.echo(terminal.clean(f"{row['kind']} {row['name']} {row['change']}{suffix}"))


@click.command()
@click.argument("kind")
@click.argument("name", required=False)
@options.output
def get(kind: str, name: str | None, output: str) -> None:
    """Show the resources of a KIND, or the one called NAME.

    KINDs are services, policies, certificateprofiles, loginrules, rolemaps and
    identityproviders.

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
        _show(found, kind)


@click.command()
@click.argument("kind", required=False)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@files_option
def delete(kind: str | None, names: tuple[str, ...], sources: tuple[str, ...]) -> None:
    """Remove resources: by KIND and NAME (service orders), or those that files name.

    Edges stop serving a removed service at once.
    """
    if bool(names) == bool(sources) or (sources and kind):
        raise InvalidInputError(
            "name resources or files", hint="pgward delete service NAME, or pgward delete -f FILE"
        )
    chosen = [(str(kind), name) for name in names]
    chosen += [(each.kind, each.name) for each in _read_all(sources)]
    with options.api() as api:
        for each_kind, name in chosen:
            api.delete(options.path("resources", each_kind, name))
            deleted = {"kind": each_kind, "name": name}
            terminal.add("deleted", deleted, terminal.clean(f"{each_kind} {name} deleted"))


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


def _check_all(
    api: ApiClient, documents: Sequence[Document], meant: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Ask the CA about every document; raise one ManifestError for all that is wrong."""
    replies: list[dict[str, Any]] = []
    problems: list[str] = []
    conflicts = 0
    for document in documents:
        try:
            replies.append(_put(api, document, {"dry_run": "true", **meant}))
        except FieldsError as error:
            found = sorted(error.fields, key=lambda each: document.line_at(each[0]))
            problems += [document.error(*each) for each in found or (("", error.message),)]
        except (ConflictError, InvalidInputError) as error:
            conflicts += isinstance(error, ConflictError)
            problems.append(document.error("metadata.name", _whole(error)))
        except NotFoundError as error:
            problems.append(document.error("kind", _whole(error)))
    if problems:
        wrong = ManifestError(problems, hint="nothing was changed")
        if conflicts == len(problems):  # the files are right, but late
            wrong.exit_code = ConflictError.exit_code
        raise wrong
    return replies


def _whole(error: PgwardError) -> str:
    """Return what is wrong with what to do about it, on a line that is one of several."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _write_all(
    api: ApiClient, documents: Sequence[Document], meant: Mapping[str, str]
) -> list[dict[str, Any]]:
    replies: list[dict[str, Any]] = []
    for document in documents:
        try:
            replies.append(_put(api, document, meant))
        except PgwardError as error:
            done = ", ".join(each.name for each in documents[: len(replies)]) or "nothing"
            terminal.note(f"applied before the failure: {done}")
            error.message = document.error("", f"{document.kind} {document.name}: {error.message}")
            raise
    return replies


def _put(api: ApiClient, document: Document, query: Mapping[str, str]) -> dict[str, Any]:
    where = options.path("resources", document.kind, document.name)
    return api.put(where, document.value, **query)


def _show(found: Sequence[dict[str, Any]], kind: str) -> None:
    if kind.lower().startswith("certificateprofile"):
        terminal.table([_profile(each) for each in found], _PROFILES, empty=f"there are no {kind}")
    elif kind.lower().startswith("loginrule"):
        terminal.table([_rule(each) for each in found], _RULES, empty=f"there are no {kind}")
    elif kind.lower().startswith("polic"):
        terminal.table([_policy(each) for each in found], _POLICIES, empty=f"there are no {kind}")
    elif kind.lower().startswith("rolemap"):
        terminal.table(
            [_role_map(each) for each in found], _ROLE_MAPS, empty=f"there are no {kind}"
        )
    elif kind.lower().startswith("identityprovider"):
        rows = [idp_spec.row(each) for each in found]
        terminal.table(rows, idp_spec.COLUMNS, empty="there is no identity provider")
    else:
        terminal.table([_service(each) for each in found], _SERVICES, empty=f"there are no {kind}")


def _service(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    allow = spec.get("allow") or {}
    return {
        "name": metadata["name"],
        "mode": spec.get("mode"),
        "upstream": _upstreams(spec),
        "groups": allow.get("groups"),
        "users": allow.get("users"),
        "edges": spec.get("edges") or "all",
        "description": metadata.get("description"),
    }


def _upstreams(spec: dict[str, Any]) -> list[str]:
    """Return every server that a service may lead to, each once."""
    postgres = spec.get("postgres") or {}
    found = [spec["upstream"]] if spec.get("upstream") else []
    for config in (postgres, *(postgres.get("configs") or {}).values()):
        found += config.get("upstreams") or []
    return list(dict.fromkeys(f"{each.get('host')}:{each.get('port')}" for each in found))


def _profile(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    applies = spec.get("appliesTo") or {}
    names = [*(spec.get("altNames") or ()), *(spec.get("permittedNames") or ())]
    return {
        "name": metadata["name"],
        "for": [f"{kind[:-1]}:{name}" for kind, found in applies.items() for name in found],
        "lifetime": spec.get("lifetime") or spec.get("maxLifetime"),
        "keys": spec.get("keyAlgorithms") or "all",
        "names": names,
        "description": metadata.get("description"),
    }


def _rule(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    return {
        "name": metadata["name"],
        "for": _whom(spec.get("appliesTo") or {}),
        "requires": [
            f"{field}={value}" if isinstance(value, str | int) else field
            for field, value in spec.items()
            if field != "appliesTo"
        ],
        "description": metadata.get("description"),
    }


def _role_map(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    rules = spec.get("rules") or ()
    return {
        "name": metadata["name"],
        "hosts": spec.get("hosts"),
        "people": list(dict.fromkeys(each for rule in rules for each in _whom(rule))),
        "roles": list(dict.fromkeys(role for rule in rules for role in rule.get("roles") or ())),
        "managed": "yes" if (spec.get("roles") or {}).get("manage") else "no",
        "description": metadata.get("description"),
    }


def _policy(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    rules, otherwise = spec.get("rules") or (), []
    for part, name in (
        ("connect", "default"),
        ("statements", "default"),
        ("statements", "unparsed"),
    ):
        effect = (spec.get(part) or {}).get(name)
        if effect is not None:
            otherwise.append(f"{effect} {part if name == 'default' else name}")
    return {
        "name": metadata["name"],
        "rules": [f"{rule.get('effect')} {rule.get('name')}" for rule in rules],
        "on": sorted({rule.get("on") for rule in rules}),
        "otherwise": otherwise,
        "description": metadata.get("description"),
    }


def _whom(applies: dict[str, Any]) -> list[str]:
    if applies.get("everyone"):
        return ["everyone"]
    return [f"{kind}:{name}" for kind in ("user", "group") for name in applies.get(f"{kind}s", ())]
