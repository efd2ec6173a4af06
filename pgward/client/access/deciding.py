"""``pgward approve | deny | cancel | revoke``: deciding about requests, and ending what they gave.

Each takes beginnings of ids, and shows what it is about before anything is given.
"""

from collections.abc import Sequence
from typing import Any

import click

from pgward.client import options
from pgward.client.access import calls, planning, recent, showing, words
from pgward.client.api import ApiClient
from pgward.core.clock import SystemClock
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from pgward.system import terminal

_ids = click.argument(
    "ids", metavar="ID...", nargs=-1, required=True, shell_complete=recent.complete_id
)
_reason = click.option("--reason", default="", metavar="TEXT", help="Why; others read it.")


UNDONE = (ConflictError, DeniedError, InvalidInputError, NotFoundError)
"""What is wrong with one of several, and not with the others."""


class NotAllError(PgwardError):
    """Some of several were not done."""


class NotApprovedError(PgwardError):
    """A person looked at a request and did not say yes."""


@click.command(short_help="Approve requests for access.")
@_ids
@_reason
@click.option("--yes", is_flag=True, help="Do not ask.")
def approve(ids: tuple[str, ...], reason: str, *, yes: bool) -> None:
    """Approve requests, of which it shows first what each gives.

    Nobody approves their own. Where several have to, this is one of them.
    """
    with options.api() as api:
        for found in _each(api, ids):
            if "approve" in found["can"]:  # else the CA says why not
                _look(api, found, yes=yes)
            # What was looked at is approved, not what may have become of it meanwhile.
            done = calls.act(api, found, "approve", reason=reason, version=found["version"])
            terminal.add("approved", done)
            terminal.note(_approved(done))


@click.command(short_help="Deny requests for access.")
@_ids
@click.option("--reason", required=True, metavar="TEXT", help="Why; who asked reads it.")
def deny(ids: tuple[str, ...], reason: str) -> None:
    """Deny requests; who asked is told why."""
    _act(ids, "deny", "denied", reason)


@click.command(short_help="Take back what you asked for.")
@_ids
@_reason
def cancel(ids: tuple[str, ...], reason: str) -> None:
    """Take back requests of yours that wait, or give back what they gave."""
    _act(ids, "cancel", "cancelled", reason)


@click.command(short_help="End access before its time.")
@_ids
@_reason
def revoke(ids: tuple[str, ...], reason: str) -> None:
    """End what requests gave, your own or one that you may decide about.

    Sessions that rest on it end, and the rights are taken away.
    """
    _act(ids, "revoke", "revoked", reason)


def _act(ids: Sequence[str], verb: str, did: str, reason: str) -> None:
    with options.api() as api:
        requests = _each(api, ids)
        failed: list[tuple[str, PgwardError]] = []
        for found in requests:
            try:
                done = calls.act(api, found, verb, reason=reason)
            except UNDONE as error:
                failed.append((_called(found), error))
            else:
                terminal.add(did, done)
                terminal.note(f"{did} {_called(done)}")
    _sum_up(failed, did, len(requests))


def _sum_up(failed: Sequence[tuple[str, PgwardError]], did: str, count: int) -> None:
    """Tell which were not done; raise the one error, or one that counts them."""
    if count > 1:
        for called, error in failed:
            terminal.note(f"not {did}: {called}: {error.message}")
    if len(failed) == 1 == count:
        raise failed[0][1]
    if failed:
        raise NotAllError(f"{did} {count - len(failed)} of {count}", hint="pgward requests show ID")


def _each(api: ApiClient, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Find all of them before anything is done to one."""
    found = [calls.find(api, each) for each in ids]
    return list({each["id"]: each for each in found}.values())


def _look(api: ApiClient, found: dict[str, Any], *, yes: bool) -> None:
    """Show what is approved, and ask; raise NotApprovedError."""
    if yes and not terminal.interactive():
        return
    if not yes and not terminal.interactive():
        raise InvalidInputError(
            "there is no terminal to ask on", hint=f"pgward requests show {found['id']}, then --yes"
        )
    showing.before_deciding(found, SystemClock().now())
    if not yes:
        for problem in planning.soon(api, found):
            terminal.prompt(f"warning: {problem}")
    if not yes and not terminal.confirm("approve it?"):
        raise NotApprovedError(f"{_called(found)} was not approved", hint="pgward deny ID")


def _approved(done: dict[str, Any]) -> str:
    if done["state"] == "pending":
        missing = ", ".join(words.waits_for(done)) or words.approvals(done)
        return f"approved {_called(done)}, which still waits for {missing}"
    grant = done["grant"]
    until = f", until {grant['until']}" if grant is not None else ""
    return f"approved {_called(done)}{until}"


def _called(request: dict[str, Any]) -> str:
    """Return a request as a message names it."""
    short = request["id"][: words.LEAST_ID]
    return f"{short}: {request['user']} at {request['service']}"
