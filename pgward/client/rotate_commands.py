"""``pgward ca rotate status | advance | rollback``: over the API, as an administrator."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import terminal

_AUTHORITIES = {"id": "CA", "state": "STATE", "ends": "ENDS", "begin": "REPLACE"}
_hierarchy = click.option(
    "--hierarchy",
    type=click.Choice(["user", "server"]),
    help="Whose CA, when both are being replaced.",
)
_revoke = click.option(
    "--revoke-remaining",
    is_flag=True,
    help="Revoke the certificates that hinder it: sessions on them are cut, and who has no"
    " tunnel open is locked out until a renewal.",
)


@click.command()
@options.output
def status(output: str) -> None:
    """Show every CA, when it ends, and who hinders the rotations that are under way."""
    with options.api() as api:
        found = api.get("/v1/rotations")
    if output != "table":
        terminal.structured(found, output)
        return
    now = SystemClock().now()
    rows = [_authority(each, now) for each in found["authorities"]]
    terminal.table(rows, _AUTHORITIES, output)
    lines = [line for each in found["rotations"] for line in _rotation(each, now)]
    lines += [
        f"replica {each['address']} lags: {each['lags']}"
        for each in found["replicas"]
        if each["lags"]
    ]
    if not found["rotations"]:
        lines.append("no rotation is under way")
    terminal.note("\n".join(lines))


@click.command()
@_hierarchy
@click.option(
    "--force-without",
    multiple=True,
    metavar="NAME",
    help="Go on without a machine that is gone for good; repeat it for more. Needs --reason.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the audit log.")
@_revoke
def advance(
    hierarchy: str | None, force_without: tuple[str, ...], reason: str, revoke_remaining: bool
) -> None:
    """Go on to the next phase of a rotation, if everyone who must is seen to be ready.

    trust-both, issue-new, trust-new, done. If not, says who lags, and changes nothing.
    """
    body = {
        "force_without": list(force_without),
        "reason": reason,
        "revoke_remaining": revoke_remaining,
    }
    _move("advance", hierarchy, body)


@click.command()
@_hierarchy
@_revoke
def rollback(hierarchy: str | None, revoke_remaining: bool) -> None:
    """Go back one phase: the old CA issues again, or the new one is given up.

    From trust-new there is no way back: the old CA is trusted no more.
    """
    _move("rollback", hierarchy, {"revoke_remaining": revoke_remaining})


def _move(act: str, hierarchy: str | None, body: dict[str, Any]) -> None:
    with options.api() as api:
        name = _under_way(api, hierarchy)
        reply = api.post(options.path("rotations", name, act), body)
    terminal.report(rotation=name)
    terminal.echo(reply["phase"], fact="phase")
    revoked = options.revoked(reply)
    if reply["revoked"]:
        terminal.note(revoked)
    terminal.note(_MEANING[reply["phase"]])


def _under_way(api: ApiClient, hierarchy: str | None) -> str:
    found = api.get("/v1/rotations")["rotations"]
    mine = [each for each in found if hierarchy in (None, each["target"].partition("-")[0])]
    if not mine:
        raise NotFoundError("no rotation is under way", hint="pgward ca rotate start, on the CA")
    if len(mine) > 1:
        raise InvalidInputError("two rotations are under way", hint="--hierarchy user or server")
    return str(mine[0]["id"])


_MEANING = {
    "trust-both": "both CAs are trusted, and the old one issues",
    "issue-new": "the new CA issues; machines renew now, people at their next renewal",
    "trust-new": "the old CA is trusted no more",
    "done": "the rotation is over; the old key may be deleted once its last list has ended",
    "rolled-back": "the new CA is given up; its keys may be deleted",
}


def _authority(each: dict[str, Any], now: datetime) -> dict[str, Any]:
    begin = "now" if each["is_due"] else when(parse_rfc3339(each["start_by"]), now)
    return {
        "id": each["id"],
        "state": each["state"],
        "ends": when(parse_rfc3339(each["ends"]), now),
        "begin": begin if each["state"] == "current" else "",
    }


def _rotation(each: dict[str, Any], now: datetime) -> list[str]:
    since = when(parse_rfc3339(each["since"]), now)
    ready = "ready" if each["is_ready"] else "not ready"
    lines = [f"rotation {each['id']}: {each['phase']}, {since}; {ready} for {each['next']}"]
    lines += [
        f"  {one['machine']} lags: {one['why']}\n    {_seen(one, now)}; {one['hint']}"
        for one in each["laggards"]
    ]
    if each["phase"] == "issue-new":
        lines += [
            f"  {one['left']} of {one['alive']} certificates of the old CA for {one['kind']} have"
            f" no successor; the last ends {when(parse_rfc3339(one['last_ends']), now)}"
            for one in each["held"]
            if one["left"]
        ]
    return lines


def _seen(one: dict[str, Any], now: datetime) -> str:
    if one["last_seen_at"] is None:
        return "never seen"
    return f"last seen {when(parse_rfc3339(one['last_seen_at']), now)}"
