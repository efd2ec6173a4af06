import hashlib
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from pgward.client import edge_calls
from pgward.client.edge_calls import LoggedIn, SecretValue
from pgward.core.errors import UnavailableError
from pgward.pki import keys, pem
from tests.fixtures.fake_ca import FakeCa

OTP = "otp-" + "a" * 26
ENDS = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
REPLY = {
    "user": "alice",
    "service": "prod",
    "session": "5" * 32,
    "session_ends": "2026-11-21T20:00:00Z",
    "method": "password",
    "factors": ["totp"],
    "device": None,
}
LOGIN = LoggedIn("alice", "prod", "5" * 32, ENDS, "password", ("totp",), None)


class Asked:
    """Stands for a machine: keeps what was sent, and gives one answer."""

    def __init__(self, reply):
        self.reply = reply
        self.calls = []

    def call(self, method, path, fields):
        self.calls.append((f"{method} {path}", fields))
        return self.reply(fields) if callable(self.reply) else self.reply


def test_redeeming_sends_a_hash_only():
    asked = Asked(REPLY)
    assert edge_calls.redeem(asked, OTP, client="192.0.2.1", service="prod") == LOGIN
    sent = {
        "otp_sha256": hashlib.sha256(OTP.encode()).hexdigest(),
        "client": "192.0.2.1",
        "service": "prod",
    }
    assert asked.calls == [("POST /v1/edges/self/otp/redeem", sent)]


def test_a_token_comes_with_its_verifier_which_is_not_shown():
    asked = Asked(REPLY | {"verifier": "SCRAM-SHA-256$4096:x", "expires_at": REPLY["session_ends"]})
    found = edge_calls.token(asked, "tk-" + "a" * 16, client=None)
    assert (found.login, found.verifier, found.expires_at) == (LOGIN, "SCRAM-SHA-256$4096:x", ENDS)
    assert "SCRAM" not in repr(found)
    assert asked.calls == [(f"GET /v1/edges/self/tokens/{found.id}", {})]


def test_the_ca_is_told_of_a_token_that_was_used():
    reply = REPLY | {"verifier": "v", "expires_at": REPLY["session_ends"]}
    for seen in (True, False):
        asked = Asked(reply | {"seen_lately": seen})
        assert edge_calls.token(asked, "tk-a", client=None).seen_lately is seen
    # an older CA takes note where it is asked
    assert edge_calls.token(Asked(reply), "tk-a", client=None).seen_lately
    asked = Asked({"change": "updated"})
    edge_calls.token_used(asked, "tk-a", client="192.0.2.1")
    edge_calls.token_used(asked, "tk-a", client=None)
    path = "POST /v1/edges/self/tokens/tk-a/uses"
    assert asked.calls == [(path, {"client": "192.0.2.1"}), (path, {})]


def test_what_is_over_is_asked_in_one_call():
    asked = Asked({"over": {"s1": "ended"}})
    assert edge_calls.over(asked, sessions=["s1", "s2"], tokens=["tk-x"]) == {"s1": "ended"}
    sent = {"sessions": ["s1", "s2"], "tokens": ["tk-x"]}
    assert asked.calls == [("POST /v1/edges/self/logins", sent)]


def test_a_secret_may_be_any_bytes_and_is_not_shown():
    asked = Asked({"value": b64encode(b"s3\xffcret").decode(), "version": 3})
    found = edge_calls.secret(asked, "db")
    assert found == SecretValue("db", 3, b"s3\xffcret")
    assert "xffcret" not in repr(found)


def test_minting_makes_a_key_of_its_own_for_each():
    ca = FakeCa()
    asked = Asked(lambda fields: ca.issue(fields) | {"issued_at": "2026-11-21T12:00:00Z"})
    made = edge_calls.mint(asked, service="prod", user="alice", role="app", session="5" * 32)
    other = edge_calls.mint(asked, service="prod", user="alice", role="app", serial="abc")
    assert made.key_pem != other.key_pem
    assert "PRIVATE" not in repr(made)
    leaf = pem.split(made.chain)[0]
    key = keys.from_pem(made.key_pem, None)
    assert keys.spki(leaf.public_key()) == keys.spki(key.public_key())
    sent = [{k: v for k, v in fields.items() if k != "csr"} for _, fields in asked.calls]
    common = {"service": "prod", "user": "alice", "role": "app", "seconds": 300}
    assert sent == [common | {"session": "5" * 32}, common | {"serial": "abc"}]


@pytest.mark.parametrize("reply", [{}, {"value": "!", "version": 1}, {"value": 3, "version": "x"}])
def test_an_answer_of_another_form_is_the_authoritys_fault(reply):
    for ask in (
        lambda: edge_calls.secret(Asked(reply), "db"),
        lambda: edge_calls.redeem(Asked(reply), OTP, client=None),
        lambda: edge_calls.token(Asked(reply), "tk-a", client=None),
        lambda: edge_calls.over(Asked(reply)),
    ):
        with pytest.raises(UnavailableError, match=r"^the CA's answer cannot be read$"):
            ask()


def test_how_the_databases_are_is_told_by_service():
    asked = Asked({"change": "updated"})
    edge_calls.tell_databases(asked, {"prod": None, "test": "away"})
    body = {"services": {"prod": None, "test": "away"}}
    assert asked.calls == [("POST /v1/edge/databases", body)]
