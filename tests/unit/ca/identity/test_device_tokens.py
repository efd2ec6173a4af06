from datetime import timedelta

import pytest

from pgward.ca.identity import device_tokens
from pgward.core.errors import ConflictError, DeniedError
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


@pytest.fixture
def transaction(logins):
    with logins.desk.store.write() as transaction:
        yield transaction


def make(transaction, user="alice"):
    return device_tokens.create(transaction, user, lifetime=HOUR, now=START, by="root")


def test_a_token_works_once(transaction):
    secret, expires_at = make(transaction)
    assert secret.startswith(device_tokens.PREFIX)
    assert expires_at == START + HOUR
    assert device_tokens.is_good(transaction.connection, "alice", secret, START)
    assert device_tokens.use(transaction, "alice", secret, START) == "root"
    assert not device_tokens.is_good(transaction.connection, "alice", secret, START)
    with pytest.raises(DeniedError, match="unknown, expired or used already"):
        device_tokens.use(transaction, "alice", secret, START)


@pytest.mark.parametrize(
    ("user", "cut", "now"),
    [("root", 0, START), ("alice", 1, START), ("alice", 0, START + HOUR)],
)
def test_a_token_is_one_persons_whole_and_for_its_time(transaction, user, cut, now):
    secret, _ = make(transaction)
    shown = secret[: len(secret) - cut]
    assert not device_tokens.is_good(transaction.connection, user, shown, now)
    with pytest.raises(DeniedError):
        device_tokens.use(transaction, user, shown, now)


def test_few_tokens_lie_about(transaction):
    for _ in range(device_tokens.MOST):
        secret, _ = make(transaction)
    with pytest.raises(ConflictError, match="alice has 20 device tokens that are not used"):
        make(transaction)
    make(transaction, "root")
    device_tokens.use(transaction, "alice", secret, START)
    make(transaction)
