import asyncio

import pytest

from pgward.core.errors import DeniedError
from pgward.tunnel.edge.secrets.mint import Mint, Wanted
from tests.fixtures.fake_ca import FakeCa

ALICE = Wanted("orders", "alice", "app", 5, session="s1")


class Ca:
    """Issues, and keeps what was asked."""

    def __init__(self):
        self.fake = FakeCa()
        self.asked = []
        self.now = 0.0
        self.error = None

    def call(self, _method, _path, fields):
        self.asked.append({name: value for name, value in fields.items() if name != "csr"})
        if self.error:
            raise self.error
        return self.fake.issue(fields) | {"issued_at": "2026-11-21T12:00:00Z"}


@pytest.fixture
def ca():
    return Ca()


@pytest.fixture
def mint(ca):
    return Mint(ca, monotonic=lambda: ca.now)


def get(mint, *wanted):
    async def all_at_once():
        return await asyncio.gather(*(mint.get(each) for each in wanted))

    return asyncio.run(all_at_once())


def test_many_connections_share_one_for_half_of_its_life(ca, mint):
    first, second = get(mint, ALICE, ALICE)
    assert first is second
    ca.now = 149.0
    assert get(mint, ALICE) == [first]
    ca.now = 150.0
    (third,) = get(mint, ALICE)
    assert third != first
    common = {"service": "orders", "user": "alice", "role": "app", "seconds": 300}
    assert ca.asked == [common | {"session": "s1"}] * 2
    assert "PRIVATE" in first.key.decode()
    assert "PRIVATE" not in repr(first)


def test_each_person_role_and_login_has_its_own(ca, mint):
    others = [
        Wanted("orders", "bob", "app", 5, session="s1"),
        Wanted("orders", "alice", "reader", 5, session="s1"),
        Wanted("orders", "alice", "app", 5, serial="abc"),
        Wanted("stock", "alice", "app", 5, session="s1"),
    ]
    found = get(mint, ALICE, *others)
    assert len({each.key for each in found}) == 5
    assert [each["serial"] for each in ca.asked if "serial" in each] == ["abc"]


def test_one_that_postgresql_refused_is_made_anew(mint):
    (first,) = get(mint, ALICE)
    mint.forget(ALICE)
    mint.forget(ALICE)
    assert get(mint, ALICE) != [first]


def test_a_refusal_is_not_remembered(ca, mint):
    ca.error = DeniedError("no certificate is minted")
    with pytest.raises(DeniedError):
        get(mint, ALICE)
    ca.error = None
    assert len(get(mint, ALICE)) == 1


def test_one_that_ends_early_is_used_for_half_of_that(ca, mint):
    ca.fake.life = ca.fake.life / 60  # a minute
    (first,) = get(mint, ALICE)
    ca.now = 29.0
    assert get(mint, ALICE) == [first]
    ca.now = 31.0
    assert get(mint, ALICE) != [first]
