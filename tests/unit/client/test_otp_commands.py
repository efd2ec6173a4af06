import json

import pytest

from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error
from tests.fixtures.services import entry, offer

NOW = "2026-11-21T12:05:00Z"
OTP = "otp-" + "a" * 26
TOKEN = {"id": "tk-1", "secret": "pgt1.s3cret", "service": "orders", "expires_at": NOW}


@pytest.fixture(autouse=True)
def orders(fake_ca):
    offer(fake_ca, entry("orders"), entry("lonely", edges=[]))
    fake_ca.routes |= {
        "POST /v1/me/otp": {"otp": OTP, "service": "orders", "expires_at": NOW},
        "POST /v1/me/tokens": TOKEN,
    }


def test_otp_prints_a_command_that_is_ready_to_run(logged_in, fake_ca):
    done = logged_in("otp", "orders")
    start = f"psql 'postgres://{OTP}:empty@edge.test:6432/app?sslmode=verify-full&sslrootcert="
    assert done.stdout.startswith(start)
    assert done.stderr == f"good once, until {NOW}\n"
    assert body(fake_ca) == {"service": "orders"}


def test_a_role_and_a_database_are_asked_for_with_it(logged_in, fake_ca):
    done = logged_in("otp", "orders", "--role", "read only", "--database", "stock")
    assert f"postgres://read%20only~{OTP}:empty@edge.test:6432/stock?" in done.stdout
    assert body(fake_ca) == {"service": "orders", "role": "read only", "database": "stock"}
    logged_in("token", "orders", "--role", "app")
    assert body(fake_ca) == {"service": "orders", "role": "app", "hours": 8}


@pytest.mark.parametrize("name", ["", "x" * 64, "a\nb"])
@pytest.mark.parametrize("what", ["role", "database"])
def test_what_is_no_name_is_refused(logged_in, fake_ca, what, name):
    done = logged_in("otp", "orders", f"--{what}", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"cannot be a {what}'s name" in done.stderr
    assert not [each for each in fake_ca.calls if each.startswith("POST /v1/me/")]


def test_nothing_is_made_that_nobody_can_use(logged_in, fake_ca):
    lonely = logged_in("otp", "lonely")
    assert (lonely.exit_code, lonely.stdout) == (1, "")
    assert "no edge serves lonely now" in lonely.stderr
    unknown = logged_in("token", "order")
    assert "did you mean orders?" in unknown.stderr
    assert not [each for each in fake_ca.calls if each.startswith("POST /v1/me/")]


def test_a_token_is_a_uri_and_a_password_apart(logged_in, fake_ca):
    done = logged_in("token", "orders", "--hours", "2")
    uri, password = done.stdout.splitlines()
    assert uri.startswith("postgres://tk-1@edge.test:6432/app?sslmode=verify-full&")
    assert password == "pgt1.s3cret"
    assert done.stderr == f"good until {NOW}; pgward tokens revoke tk-1\n"
    assert body(fake_ca) == {"service": "orders", "hours": 2}


def test_the_authoritys_refusal_is_told(logged_in, fake_ca):
    fake_ca.routes["POST /v1/me/otp"] = error(
        "invalid", "the service orders takes no one-time passwords", hint="pgward connect orders"
    )
    done = logged_in("otp", "orders")
    assert done.stderr == (
        "pgward: the service orders takes no one-time passwords\nhint: pgward connect orders\n"
    )


LISTED = {
    "id": "tk-1",
    "service": "orders",
    "created_at": NOW,
    "expires_at": NOW,
    "last_used_at": None,
    "last_client": None,
}


@pytest.mark.parametrize("words", [["tokens"], ["tokens", "list"]])
def test_tokens_are_listed(logged_in, fake_ca, words):
    fake_ca.routes["GET /v1/me/tokens"] = {"tokens": [LISTED]}
    title, row = logged_in(*words).stdout.splitlines()
    assert title.split()[:2] == ["ID", "SERVICE"]
    assert row.split()[:2] == ["tk-1", "orders"]
    assert row.split()[-2:] == ["never", "-"]
    assert json.loads(logged_in(*words, "-o", "json").stdout) == [LISTED]


def test_without_a_token_it_says_how_to_get_one(logged_in, fake_ca):
    fake_ca.routes["GET /v1/users/bob/tokens"] = {"tokens": []}
    done = logged_in("tokens", "--user", "bob")
    assert "`pgward token SERVICE` makes one" in done.stderr


def test_tokens_are_revoked(logged_in, fake_ca):
    fake_ca.routes |= {
        f"DELETE /v1/users/bob/tokens/{name}": {"change": "deleted"} for name in ("tk-1", "tk-2")
    }
    done = logged_in("tokens", "revoke", "tk-1", "tk-2", "--user", "bob")
    assert done.stderr == "revoked the token tk-1\nrevoked the token tk-2\n"
