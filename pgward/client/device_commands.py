"""``pgward devices …``: the devices that one logs in with, and an administrator's of everyone."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.mfa_commands import ask_proof
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import NotFoundError
from pgward.system import terminal

_DEVICES = {
    "id": "ID",
    "name": "NAME",
    "state": "STATE",
    "last_seen_at": "LAST SEEN",
    "last_client": "FROM",
    "code": "CODE",
}
_DEVICE = {
    "id": "id",
    "user": "user",
    "name": "name",
    "state": "state",
    "code": "code",
    "current": "this device",
    "created_at": "first seen",
    "created_client": "first seen from",
    "approved_at": "approved at",
    "approved_by": "approved by",
    "revoked_at": "revoked at",
    "last_seen_at": "last seen",
    "last_client": "last seen from",
    "posture": "says of itself",
    "posture_at": "said so at",
}
_FACTS = {
    "disk_encrypted": "disk encrypted",
    "screen_lock": "screen lock",
    "firewall": "firewall",
    "updates_age_days": "days since updates",
}

user = click.option(
    "--user", "name", metavar="NAME", help="Whose devices, if not yours (administrators only)."
)


@click.group(invoke_without_command=True)
@user
@options.output
@click.pass_context
def devices(context: click.Context, name: str | None, output: str) -> None:
    """List the devices that you log in with; approve and revoke them."""
    if context.invoked_subcommand is None:
        _list(name, output)


@devices.command("list")
@user
@options.output
def list_devices(name: str | None, output: str) -> None:
    """List the devices, those that wait for approval with their codes."""
    _list(name, output)


@devices.command("show")
@click.argument("device")
@user
@options.output
def show(device: str, name: str | None, output: str) -> None:
    """Show all that the CA knows of DEVICE (an id).

    What a device says of itself is not verified.
    """
    with options.api() as api:
        found = [each for each in api.get(_path(name))["devices"] if each["id"] == device]
    if not found:
        raise NotFoundError(f"there is no device {device!r}", hint="pgward devices")
    if output == "table":
        found[0]["posture"] = _said(found[0]["posture"])
    terminal.record(found[0], _DEVICE, output)


@devices.command("approve")
@click.argument("device", metavar="CODE|ID")
@user
def approve(device: str, name: str | None) -> None:
    """Let a new device in, by the code that it shows."""
    with options.api() as api:
        body = {"device": device} | _proof(api, name)
        found = api.post(_path(name, "approve"), body)["device"]
    terminal.report(**found)
    terminal.note(f"approved {found['name']} ({found['id']}) of {found['user']}")


@devices.command("revoke")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@user
def revoke(ids: tuple[str, ...], name: str | None) -> None:
    """Let devices in no more: their sessions end, their certificates are revoked."""
    with options.api() as api:
        for each in ids:
            reply = api.post(_path(name, each, "revoke"))
            terminal.add("revoked", each)
            terminal.note(f"revoked the device {each}; {options.revoked(reply)}")


@devices.command("rename")
@click.argument("device", metavar="ID")
@click.argument("new_name", metavar="NAME")
@user
def rename(device: str, new_name: str, name: str | None) -> None:
    """Call a device NAME."""
    with options.api() as api:
        found = api.patch(_path(name, device), {"name": new_name})["device"]
    terminal.report(**found)
    terminal.note(f"the device {device} is called {found['name']}")


@devices.command("token")
@click.argument("name", metavar="[USER]", required=False)
@click.option(
    "--ttl-hours",
    type=click.IntRange(1, 7 * 24),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long it is good.",
)
def token(name: str | None, ttl_hours: int) -> None:
    """Print a one-time token with which a new device of USER, or of yours, comes in.

    On the new device: pgward login --device-token-file FILE.
    """
    path = options.of_person(name, "device-tokens")
    with options.api() as api:
        reply = api.post(path, {"ttl_seconds": ttl_hours * 3600} | _proof(api, name))
    terminal.note(f"good for one device, until {reply['expires_at']}")
    terminal.report(expires_at=reply["expires_at"])
    terminal.echo(terminal.clean(reply["token"]), fact="token")


def _proof(api: ApiClient, name: str | None) -> dict[str, Any]:
    """Return the fresh proof that an own new device needs now, asked for on the terminal."""
    proof = {} if name is not None else ask_proof(api)
    return {"proof": proof} if proof else {}


def _path(name: str | None, *parts: str) -> str:
    return options.of_person(name, "devices", *parts)


def _list(name: str | None, output: str) -> None:
    with options.api() as api:
        found = api.get(_path(name))["devices"]
    if output == "table":
        now = SystemClock().now()
        found = [_row(each, now) for each in found]
    terminal.table(found, _DEVICES, output, empty="there is no device")


def _row(device: dict[str, Any], now: datetime) -> dict[str, Any]:
    here = " (this one)" if device["current"] else ""
    return device | {
        "name": f"{device['name']}{here}",
        "last_seen_at": when(parse_rfc3339(device["last_seen_at"]), now),
        "code": device["code"] or "",
    }


def _said(posture: dict[str, Any] | None) -> list[str] | None:
    if posture is None:
        return None
    said = [f"{posture.get('os_name') or posture['os']} {posture.get('os_version', '')}".strip()]
    for key, text in _FACTS.items():
        value = (posture.get(key) or {}).get("value", "unknown")
        shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        said.append(f"{text}: {shown}")
    return said
