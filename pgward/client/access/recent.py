"""The requests and offers that this home has heard of: for the shell, which asks nobody."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from pgward.client import known
from pgward.system import terminal
from pgward.system.files import StorageError, atomic_write
from pgward.system.paths import pgward_home

FILE = "requests.json"
_MOST = 1024 * 1024  # bytes that are read
_KEPT = 200  # requests, and services
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def remember(
    requests: Iterable[Mapping[str, Any]] = (), offers: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Keep what the CA said, the newest first; say it when the home takes no file."""
    home = pgward_home()
    before = _load(home)
    told = {each["id"]: f"{each['user']}: {each['service']}" for each in requests}
    services: dict[str, dict[str, list[str]]] = {}
    for each in offers:
        there = services.setdefault(each["service"], {"bundles": [], "roles": []})
        there["bundles"] += [bundle["name"] for bundle in each["bundles"]]
        there["roles"] += each["roles"]
    kept = {
        "requests": _newest(told, before["requests"]),
        "services": _newest(services, before["services"]),
    }
    if kept == before:
        return
    try:
        atomic_write(home / FILE, json.dumps(kept, indent=2).encode())
    except StorageError as error:
        terminal.note(f"note: {error.message}; the shell will not complete what is new")


def complete_id(
    _context: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a request's id, with whose it is and for which service."""
    requests = _load(pgward_home())["requests"]
    return [
        CompletionItem(each, help=text)
        for each, text in requests.items()
        if each.startswith(incomplete)
    ]


def complete_service(
    _context: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a service: one that may be asked for, or that the person has."""
    home = pgward_home()
    return _matching({*_load(home)["services"], *known.known_services(home)}, incomplete)


def completer(what: str) -> Completer:
    """Return what completes the ``bundles`` or ``roles`` of the service on the command line."""

    def complete(
        context: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        services = _load(pgward_home())["services"]
        named = context.params.get("service")
        chosen = [services[named]] if named in services else services.values()
        return _matching({name for each in chosen for name in each[what]}, incomplete)

    return complete


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _newest(new: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, the new ones first, and no more than are kept."""
    both = {**new, **{key: value for key, value in old.items() if key not in new}}
    return dict(list(both.items())[:_KEPT])


def _load(home: Path) -> dict[str, dict[str, Any]]:
    """Return what is kept, only what a shell can take; nothing of a file that is damaged."""
    try:
        with (home / FILE).open("rb") as file:
            kept = json.loads(file.read(_MOST))
        requests = {str(key): str(text) for key, text in kept["requests"].items()}
        services = {
            str(name): {what: _words(each[what]) for what in ("bundles", "roles")}
            for name, each in kept["services"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"requests": {}, "services": {}}
    return {
        "requests": {key: text for key, text in requests.items() if _ID.fullmatch(key)},
        "services": services,
    }


def _words(names: Iterable[object]) -> list[str]:
    """Return names that a shell takes as one word, whatever a database calls its roles."""
    return [each for each in names if isinstance(each, str) and _ID.fullmatch(each)]
