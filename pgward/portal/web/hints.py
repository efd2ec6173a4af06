"""What a page says in the place of hints that name commands: the page that does the same.

Hints of administrators' commands stay as they are, but where a page does it just as well.
"""

import re

_ACCOUNT = "your account has them (in the menu at the top)"
_REQUESTS = "the page Requests shows it"
_SIGN_IN = "sign in once more"
_WORDS = (
    ("pgward login, with a code or --method passkey, .*", f"{_SIGN_IN}, with your second factor"),
    (r"pgward login --method oidc, so that .*", "sign in at your identity provider once"),
    (r"pgward login --method, with one of (.*)", r"sign in with one of \1"),
    (r"set that right on this machine, then pgward login", "use pgward on your own machine"),
    (r"it goes on by itself; or log in anew: pgward login", f"it goes on by itself; or {_SIGN_IN}"),
    (r"(log in with a browser: )?pgward login( --help|, then (again|once more))?", _SIGN_IN),
    (r"pgward services( lists those you may use)?", "the page Databases lists those you may use"),
    (r"pgward (mfa|mfa list|devices|logins|tokens)", _ACCOUNT),
    (r"pgward mfa add totp( .*)?", "set an authenticator app up in your account"),
    (r"pgward mfa add passkey( .*)?", "add a passkey in your account"),
    (r"pgward passkey remove NAME", "remove one in your account"),
    (r"pgward (passkey add|step-up \S+)", "begin again"),
    (
        r"pgward devices lists those that wait, .*",
        "a device waits for ten minutes; log in there again",
    ),
    (
        r"pgward devices token, on a device that is known",
        "make one in your account, where you are signed in already",
    ),
    (r"make a new one: pgward devices token", "make a new one in your account"),
    (r"pgward tokens revoke ID", "revoke one in your account"),
    (
        r"approve or revoke them \(pgward devices\), or wait (.*)",
        r"look at those in your account, or wait \1",
    ),
    (r"pgward (requests|request|requests show \S+|cancel ID)", _REQUESTS),
    (r"ask anew: pgward request \S+", "ask anew, on the page Requests"),
    (r"(end it first: )?pgward revoke ID( ends one)?", "end one on the page Requests"),
    (
        r"(--bundle, --role or --on; )?`pgward request( \S+)?` shows .*",
        "the page Requests shows what there is",
    ),
    (r"pgward request \S+ shows what it must look like", "below the field stands how it must be"),
    (r"try again in 1 seconds", "try again in a second"),
    (r"pgward get [a-z]+", "look at the list of what there is"),
)
_RULES = tuple((re.compile(found), said) for found, said in _WORDS)


def on_a_page(hint: str) -> str:
    """Return a hint as people with a browser read it."""
    for rule, said in _RULES:
        found = rule.fullmatch(hint)
        if found is not None:
            return found.expand(said)
    return hint
