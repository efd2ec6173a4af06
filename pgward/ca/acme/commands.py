"""``pgward ca acme key`` and ``pgward ca acme account``, through the authority's API."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import counted, duration, when
from pgward.core import names
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.system import terminal
from pgward.system.durations import Duration

_MADE = {
    "kid": "key id",
    "hmac_key": "HMAC key",
    "directory": "directory",
    "dns": "names",
    "ips": "addresses",
    "expires_at": "use it before",
}
_KEYS = {
    "name": "NAME",
    "state": "STATE",
    "names": "FOR",
    "accounts": "ACCOUNTS",
    "ends": "USABLE UNTIL",
    "kid": "KEY ID",
}
_ACCOUNTS = {
    "id": "ACCOUNT",
    "key": "KEY",
    "status": "STATUS",
    "contact": "CONTACT",
    "client": "FROM",
    "made": "MADE",
}
_certificates = click.option(
    "--certificates", is_flag=True, help="Revoke what was issued to them as well."
)


@click.group()
def key() -> None:
    """Make, list and revoke the keys with which hosts make ACME accounts."""


@key.command("create")
@click.argument("name")
@click.option(
    "--dns",
    multiple=True,
    metavar="PATTERN",
    help="A DNS name that may be asked for, or *.DOMAIN for one label; repeat it for more."
    "  [default: NAME]",
)
@click.option("--ip", multiple=True, metavar="ADDR", help="An IP address or network, likewise.")
@click.option(
    "--uses",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many accounts may be made with it: one for each host.",
)
@click.option(
    "--ttl",
    type=Duration(),
    default="7d",
    show_default=True,
    help="How long accounts may be made with it; they last longer.",
)
@click.option(
    "--pre-authorized",
    is_flag=True,
    help="Its names need no challenge, wildcards included: whoever has the key gets them.",
)
@options.output
def create_key(
    name: str,
    *,
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    uses: int,
    ttl: Any,
    pre_authorized: bool,
    output: str,
) -> None:
    """Make a key for external account binding. Its HMAC key is shown only now.

    certbot takes them as --eab-kid and --eab-hmac-key, with --server for the directory.
    """
    names.resource_name(name, what="key's name")
    body = {
        "name": name,
        "dns": list(dns),
        "ips": list(ip),
        "uses": uses,
        "ttl_seconds": int(ttl.total_seconds()),
        "pre_authorized": pre_authorized,
    }
    with options.api() as api:
        made = api.post("/v1/acme/keys", body)
    titles = {each: title for each, title in _MADE.items() if made[each]}
    terminal.record(made, titles, output)
    accounts = "one account" if uses == 1 else f"{uses} accounts"
    terminal.note(f"good for {accounts}, made within {duration(ttl)}; keep the HMAC key secret")


@key.command("list")
@options.output
def list_keys(output: str) -> None:
    """List the keys, without their secrets."""
    with options.api() as api:
        rows = api.get("/v1/acme/keys")["keys"]
    if output == "table":
        now = SystemClock().now()
        rows = [
            {
                **row,
                "names": [*row["dns"], *row["ips"]],
                "accounts": f"{row['used']} of {row['uses']}",
                "ends": _relative(row["expires_at"], now),
            }
            for row in rows
        ]
    empty = "there is no key; `pgward ca acme key create NAME` makes one"
    terminal.table(rows, _KEYS, output, empty=empty)


@key.command("revoke")
@click.argument("key_names", metavar="NAME...", nargs=-1, required=True)
@_certificates
def revoke_keys(key_names: tuple[str, ...], *, certificates: bool) -> None:
    """End keys, and every account that was made with them."""
    with options.api() as api:
        for name in key_names:
            path = options.path("acme", "keys", name, "revoke")
            reply = api.post(path, {"certificates": certificates})
            terminal.add("revoked", name)
            terminal.note(f"revoked the key {name}: {_ended(reply)}")


@click.group()
def account() -> None:
    """List and end the accounts of ACME clients."""


@account.command("list")
@options.output
def list_accounts(output: str) -> None:
    """List accounts, the newest first."""
    with options.api() as api:
        rows = api.get("/v1/acme/accounts")["accounts"]
    if output == "table":
        now = SystemClock().now()
        rows = [{**row, "made": _relative(row["created_at"], now)} for row in rows]
    terminal.table(rows, _ACCOUNTS, output, empty="no client has made an account yet")


@account.command("revoke")
@click.argument("account_ids", metavar="ACCOUNT...", nargs=-1, required=True)
@_certificates
def revoke_accounts(account_ids: tuple[str, ...], *, certificates: bool) -> None:
    """End accounts: their keys are refused from now on."""
    with options.api() as api:
        for each in account_ids:
            path = options.path("acme", "accounts", each, "revoke")
            reply = api.post(path, {"certificates": certificates})
            terminal.add("revoked", each)
            terminal.note(f"revoked the account {each}: {_ended(reply)}")


def _ended(reply: dict[str, Any]) -> str:
    accounts = int(reply["accounts"])
    terminal.count(accounts_ended=accounts)
    return f"{counted(accounts, 'account')} ended, {options.revoked(reply)}"


def _relative(value: str, now: datetime) -> str:
    return when(parse_rfc3339(value), now)
