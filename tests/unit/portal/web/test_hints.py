"""Hints that name commands, as pages say them."""

import pytest

from pgward.portal.web import hints


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("pgward login", "sign in once more"),
        ("pgward login, then once more", "sign in once more"),
        (
            "pgward login, with a code or --method passkey, then once more",
            "sign in once more, with your second factor",
        ),
        ("pgward login --method, with one of oidc, ldap", "sign in with one of oidc, ldap"),
        ("pgward services", "the page Databases lists those you may use"),
        ("pgward mfa", "your account has them (in the menu at the top)"),
        (
            "pgward mfa add totp  sets an authenticator app up",
            "set an authenticator app up in your account",
        ),
        ("pgward passkey add", "begin again"),
        ("pgward step-up orders", "begin again"),
        (
            "approve or revoke them (pgward devices), or wait ten minutes",
            "look at those in your account, or wait ten minutes",
        ),
        (
            "`pgward request orders` shows what you may ask for",
            "the page Requests shows what there is",
        ),
        ("ask anew: pgward request orders", "ask anew, on the page Requests"),
        (
            "pgward request orders shows what it must look like",
            "below the field stands how it must be",
        ),
        ("try again in 1 seconds", "try again in a second"),
        ("pgward get integrations", "look at the list of what there is"),
    ],
)
def test_a_hint_leads_to_a_page(hint, said):
    assert hints.on_a_page(hint) == said


@pytest.mark.parametrize(
    "hint", ["try again soon", "pgward idp test", "pgward connect orders", "pgward loginx", ""]
)
def test_what_no_page_does_stays(hint):
    assert hints.on_a_page(hint) == hint
