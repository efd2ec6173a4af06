"""``pgward passkey …``: the passkeys and security keys that one logs in with."""

import platform
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.login import page
from pgward.client.login.loopback import Loopback
from pgward.client.phrases import counted
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import terminal

_COLUMNS = {
    "name": "NAME",
    "synced": "SYNCED",
    "transports": "REACHED BY",
    "created_at": "ADDED",
    "last_used_at": "LAST USED",
}
_MAX_NAME = 60

of_user = click.option(
    "--user", metavar="NAME", help="Whose, if not your own (administrators only)."
)


@click.group()
def passkey() -> None:
    """Log in with passkeys and security keys."""


@passkey.command("add")
@click.option("--name", metavar="TEXT", help="What to call it.  [default: this machine's name]")
@click.option("--no-browser", is_flag=True, help="Show the page's address, and open no browser.")
def add(name: str | None, no_browser: bool) -> None:
    """Add a passkey, in the browser.

    The page asks for the code that is shown here. Your login must be a few minutes old at most.
    """
    chosen = name or platform.node()[:_MAX_NAME] or "passkey"
    with options.api() as api, Loopback() as loopback:
        body = {"name": chosen, "redirect_uri": loopback.redirect_uri}
        begun = api.post("/v1/me/passkeys", body)
        terminal.prompt(f"type this code on the page: {begun['code']}")
        brought = page.visit(
            page.url_in(begun), loopback, browser=not no_browser, verb="make the passkey"
        )
        finished = {"flow": begun["flow"], "answer": brought}
        added = api.post("/v1/me/passkey-attestations", finished)["passkey"]
    terminal.report(**added)
    terminal.note(f"added the passkey {added['name']!r}\nnext time: pgward login --method passkey")


@passkey.command("list")
@of_user
@options.output
def list_passkeys(user: str | None, output: str) -> None:
    """List your passkeys."""
    with options.api() as api:
        found = _of(api, user)
    whose = "you have" if user is None else f"{user} has"
    terminal.table(found, _COLUMNS, output, empty=f"{whose} no passkey")


@passkey.command("rename")
@click.argument("name")
@click.argument("new", metavar="NEW-NAME")
def rename(name: str, new: str) -> None:
    """Call the passkey NAME something else."""
    with options.api() as api:
        found = _named(_of(api, None), name)
        renamed = api.patch(options.path("me", "passkeys", found["id"]), {"name": new})["passkey"]
    terminal.report(**renamed)
    terminal.note(f"renamed {found['name']!r} to {new!r}")


@passkey.command("remove")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All of a user's; needs --user.")
@of_user
def remove(name: str | None, every: bool, user: str | None) -> None:
    """Remove the passkey NAME; other login sessions end, for it may have begun them."""
    if every == (name is not None) or (every and user is None):
        raise InvalidInputError(
            "name one passkey, or all of a user's", hint="pgward passkey remove --user NAME --all"
        )
    with options.api() as api:
        key = [] if name is None else [_named(_of(api, user), name)["id"]]
        reply = api.delete(options.of_person(user, "passkeys", *key))
    count = int(reply["removed"])
    terminal.report(passkeys_removed=count)
    terminal.note(f"removed {counted(count, 'passkey')}; {options.revoked(reply)}")


def _of(api: ApiClient, user: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(options.of_person(user, "passkeys"))["passkeys"]
    return found


def _named(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for each in found:
        if name in (each["name"], each["id"]):
            return each
    raise NotFoundError(f"there is no passkey {name!r}", hint="pgward passkey list")
