"""``pgward mfa …``: the second factors of who is logged in."""

import re
from typing import Any

import click

from pgward.client import authenticator, options
from pgward.client.api import ApiClient
from pgward.core.errors import DeniedError, InvalidInputError
from pgward.system import terminal

_FACTORS = {"kind": "KIND", "name": "NAME", "created_at": "SINCE"}
_KINDS = {"webauthn": "passkey"}  # as the commands call it
_TOTP = re.compile(r"[0-9]{3} ?[0-9]{3}")
_TRIES = 3


@click.command("list")
@options.output
def list_factors(output: str) -> None:
    """Show your second factors, passkeys too, and how many recovery codes are left."""
    with options.api() as api:
        found = api.get("/v1/me/mfa")
    if output != "table":
        terminal.structured(
            {"factors": found["factors"], "recovery_codes_left": found["recovery_codes_left"]},
            output,
        )
        return
    rows = [{**each, "kind": _KINDS.get(each["kind"], each["kind"])} for each in found["factors"]]
    terminal.table(rows, _FACTORS, empty="you have no second factor")
    if rows:
        terminal.note(f"recovery codes left: {found['recovery_codes_left']}")


@click.command("totp")
def add_totp() -> None:
    """Set an authenticator app up, in the place of the one before.

    Logins with a password ask for its code from then on. The first time you get recovery codes,
    for the day when the phone is gone: keep them on paper.
    """
    with options.api() as api:
        proof = ask_proof(api)
        offered = api.post("/v1/me/mfa/totp")
        authenticator.show(offered["uri"], offered["secret"])
        made = _confirmed(api, offered["enrolment"], proof)
    terminal.report(kind="totp")
    terminal.note("the authenticator app is set up; logins with a password ask for its code now")
    _show_codes(made["recovery_codes"])


@click.command()
@click.argument("kind", type=click.Choice(["totp"]))
def remove(kind: str) -> None:
    """Remove your authenticator app (totp), and recovery codes that stood in for it."""
    with options.api() as api:
        removed = api.post("/v1/me/mfa/remove", {"factor": kind, "proof": ask_proof(api)})[
            "removed"
        ]
    terminal.report(removed=removed)
    terminal.note(f"removed: {', '.join(removed)}")


@click.command("recovery-codes")
def recovery_codes() -> None:
    """Make new recovery codes, and print them; those before are void."""
    with options.api() as api:
        made = api.post("/v1/me/mfa/recovery-codes", {"proof": ask_proof(api)})
    _show_codes(made["recovery_codes"])


def ask_proof(api: ApiClient) -> dict[str, str]:
    """Return the fresh proof that a change needs now, asked for on the terminal."""
    needed = api.get("/v1/me/mfa")["proof"]
    if needed == "code":
        typed = terminal.ask("Code of your authenticator app, or a recovery code").strip()
        return {"factor": "totp" if _TOTP.fullmatch(typed) else "recovery", "code": typed}
    if needed == "password":
        return {"password": terminal.ask_password("Your password")}
    if needed == "login":
        raise DeniedError("this needs a fresh login", hint="pgward login, then again")
    return {}


def _confirmed(api: ApiClient, enrolment: str, proof: dict[str, str]) -> dict[str, Any]:
    """Ask for the first code; a typing mistake is not the end.

    A proof by code is used up by the first try, so that then there is no other.
    """
    for left in reversed(range(_TRIES)):
        body = {"enrolment": enrolment, "code": terminal.ask(authenticator.ASK), "proof": proof}
        try:
            return api.post("/v1/me/mfa/totp/confirm", body)
        except (DeniedError, InvalidInputError) as error:
            if not left or "code" in proof:
                raise
            terminal.prompt(error.message)
    raise AssertionError("unreachable")  # pragma: no cover - the last try raises or returns


def _show_codes(codes: list[str]) -> None:
    terminal.report(recovery_codes=[])
    if codes:
        terminal.note(
            "recovery codes, each good for one login; keep them on paper, they are shown\n"
            "only now:\n"
        )
    for code in codes:
        terminal.add("recovery_codes", code, code)
