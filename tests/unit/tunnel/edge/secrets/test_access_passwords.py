import asyncio
from base64 import b64encode

import pytest

from pgward.client.secrets.cupboard import FRESH, STALE
from pgward.core.errors import DeniedError, UnavailableError
from pgward.tunnel.edge.secrets import access_passwords
from pgward.tunnel.edge.secrets.access_passwords import AccessPasswords, Whose

ALICE = Whose("orders", "alice", "jit_alice", session="s1")


class Ca:
    """Tells version after version, and keeps what was asked."""

    def __init__(self):
        self.version = 1
        self.asked = []
        self.now = 0.0
        self.error = None

    def call(self, method, path, fields):
        assert (method, path) == ("POST", "/v1/edges/self/passwords")
        self.asked.append(fields)
        if self.error:
            raise self.error
        value = f"password {self.version}".encode()
        return {"version": self.version, "value": b64encode(value).decode()}


@pytest.fixture
def ca():
    return Ca()


@pytest.fixture
def passwords(ca):
    return AccessPasswords(ca, monotonic=lambda: ca.now)


def get(passwords, *whose):
    async def all_at_once():
        return await asyncio.gather(*(passwords.get(each) for each in whose))

    return asyncio.run(all_at_once())


def instead_of(passwords, refused, whose=ALICE):
    return asyncio.run(passwords.instead_of(whose, refused))


def test_many_connections_share_one_for_minutes(ca, passwords):
    assert get(passwords, ALICE, ALICE) == [b"password 1"] * 2
    ca.now, ca.version = FRESH - 1, 2
    assert get(passwords, ALICE) == [b"password 1"]
    ca.now = FRESH
    assert get(passwords, ALICE) == [b"password 2"]
    expected = {"service": "orders", "user": "alice", "role": "jit_alice", "session": "s1"}
    assert ca.asked == [expected] * 2


def test_each_login_is_looked_at_by_the_ca(ca, passwords):
    get(passwords, ALICE, Whose("orders", "alice", "jit_alice", serial="abc"))
    assert [each.get("serial") for each in ca.asked] == [None, "abc"]


def test_for_one_that_was_refused_the_ca_is_told_which(ca, passwords):
    get(passwords, ALICE)
    ca.version = 2
    assert instead_of(passwords, b"password 1") == b"password 2"
    assert ca.asked[-1]["refused"] == 1
    assert instead_of(passwords, b"password 1") == b"password 2"
    assert len(ca.asked) == 2


def test_what_is_known_counts_on_while_the_ca_is_away(ca, passwords):
    get(passwords, ALICE)
    ca.error, ca.now = UnavailableError("away"), STALE - 1
    assert get(passwords, ALICE) == [b"password 1"]
    ca.now = STALE
    with pytest.raises(UnavailableError):
        get(passwords, ALICE)


def test_what_the_ca_takes_away_is_forgotten(ca, passwords):
    get(passwords, ALICE)
    ca.error, ca.now = DeniedError("no"), FRESH
    with pytest.raises(DeniedError):
        get(passwords, ALICE)
    ca.error = UnavailableError("away")
    with pytest.raises(UnavailableError):
        get(passwords, ALICE)


def test_no_more_are_kept_than_there_is_room_for(ca, passwords, monkeypatch):
    monkeypatch.setattr(access_passwords, "_MOST_KEPT", 1)
    get(passwords, ALICE)
    get(passwords, Whose("orders", "bob", "jit_bob"))
    get(passwords, ALICE)
    assert len(ca.asked) == 3


@pytest.mark.parametrize("reply", [{}, {"version": "x", "value": "eA=="}, {"version": 1}])
def test_an_answer_of_another_form_is_the_cas_fault(ca, passwords, reply):
    ca.call = lambda *_: reply
    with pytest.raises(UnavailableError, match="cannot be read"):
        get(passwords, ALICE)
