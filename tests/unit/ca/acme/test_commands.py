import json
from datetime import UTC, datetime, timedelta

from pgward.core.clock import rfc3339
from tests.fixtures.commands import body

LATER = rfc3339(datetime.now(UTC) + timedelta(days=7, minutes=1))
EARLIER = rfc3339(datetime.now(UTC) - timedelta(days=3, minutes=5))
MADE = {
    "name": "db1",
    "kid": "k1",
    "hmac_key": "secret",
    "directory": "https://ca:8443/acme/directory",
    "dns": ["db1.test"],
    "ips": [],
    "expires_at": LATER,
}


def test_a_key_is_made_for_names(logged_in, fake_ca):
    fake_ca.routes["POST /v1/acme/keys"] = MADE
    arguments = ("--dns", "db1.test", "--ip", "10.0.0.0/24", "--uses", "2", "--ttl", "1d")
    result = logged_in("ca", "acme", "key", "create", "db1", *arguments)
    assert result.stdout == (
        "key id         k1\n"
        "HMAC key       secret\n"
        "directory      https://ca:8443/acme/directory\n"
        "names          db1.test\n"
        f"use it before  {LATER}\n"
    )
    assert result.stderr == ("good for 2 accounts, made within 1 day; keep the HMAC key secret\n")
    assert body(fake_ca) == {
        "name": "db1",
        "dns": ["db1.test"],
        "ips": ["10.0.0.0/24"],
        "uses": 2,
        "ttl_seconds": 86400,
        "pre_authorized": False,
    }


def test_a_program_gets_json(logged_in, fake_ca):
    fake_ca.routes["POST /v1/acme/keys"] = MADE
    result = logged_in("ca", "acme", "key", "create", "db1", "--pre-authorized", "-o", "json")
    assert json.loads(result.stdout) == MADE
    assert body(fake_ca)["pre_authorized"] is True


def test_a_name_is_checked_before_anything_is_sent(logged_in, fake_ca):
    result = logged_in("ca", "acme", "key", "create", "A b")
    assert "cannot be a key's name" in result.stderr
    assert fake_ca.requests == []


def test_keys_are_listed(logged_in, fake_ca):
    row = {
        "name": "db1",
        "state": "usable",
        "dns": ["db1.test"],
        "ips": ["10.0.0.0/24"],
        "uses": 2,
        "used": 1,
        "expires_at": LATER,
        "kid": "k1",
    }
    fake_ca.routes["GET /v1/acme/keys"] = {"keys": [row]}
    assert logged_in("ca", "acme", "key", "list").stdout == (
        "NAME  STATE   FOR                    ACCOUNTS  USABLE UNTIL  KEY ID\n"
        "db1   usable  db1.test, 10.0.0.0/24  1 of 2    in 7 days     k1\n"
    )


def test_without_keys_the_list_says_how_to_make_one(logged_in, fake_ca):
    fake_ca.routes["GET /v1/acme/keys"] = {"keys": []}
    result = logged_in("ca", "acme", "key", "list")
    assert result.stderr == "there is no key; `pgward ca acme key create NAME` makes one\n"


def test_keys_and_accounts_are_revoked(logged_in, fake_ca):
    fake_ca.routes["POST /v1/acme/keys/db1/revoke"] = {"accounts": 1, "revoked": 2}
    result = logged_in("ca", "acme", "key", "revoke", "db1", "--certificates")
    assert result.stderr == "revoked the key db1: 1 account ended, 2 certificates revoked\n"
    assert body(fake_ca) == {"certificates": True}
    fake_ca.routes["POST /v1/acme/accounts/ab/revoke"] = {"accounts": 0, "revoked": 1}
    result = logged_in("ca", "acme", "account", "revoke", "ab")
    assert result.stderr == "revoked the account ab: 0 accounts ended, 1 certificate revoked\n"
    assert body(fake_ca) == {"certificates": False}


def test_accounts_are_listed(logged_in, fake_ca):
    row = {
        "id": "ab",
        "key": "db1",
        "status": "valid",
        "contact": [],
        "client": "10.0.0.5",
        "created_at": EARLIER,
    }
    fake_ca.routes["GET /v1/acme/accounts"] = {"accounts": [row]}
    assert logged_in("ca", "acme", "account", "list").stdout == (
        "ACCOUNT  KEY  STATUS  CONTACT  FROM      MADE\n"
        "ab       db1  valid   -        10.0.0.5  3 days ago\n"
    )
