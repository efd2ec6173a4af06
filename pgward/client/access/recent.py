"""The requests and services that this home has heard of: for the shell, which asks nobody."""

import json
import re
from collections.abc import Iterable, Mapping
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
_KEPT = 200  # requests
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def remember(
    requests: Iterable[Mapping[str, Any]] = (), offers: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Keep what the CA said, the newest first; say it when the home takes no file."""
    home = pgward_home()
    before = _load(home)
    new = {each["id"]: f"{each['user']}: {each['service']}" for each in requests}
    ids = {**new, **{key: text for key, text in before["requests"].items() if key not in new}}
    services = {str(each["service"]) for each in offers} | set(before["services"])
    kept = {"requests": dict(list(ids.items())[:_KEPT]), "services": sorted(services)[:_KEPT]}
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
    names = {*_load(home)["services"], *known.known_services(home)}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _load(home: Path) -> dict[str, Any]:
    """Return what is kept, only what a shell can take; nothing of a file that is damaged."""
    try:
        with (home / FILE).open("rb") as file:
            kept = json.loads(file.read(_MOST))
        requests = {str(key): str(text) for key, text in kept["requests"].items()}
        services = [str(each) for each in kept["services"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"requests": {}, "services": []}
    return {
        "requests": {key: text for key, text in requests.items() if _ID.fullmatch(key)},
        "services": services,
    }
