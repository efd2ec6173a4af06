from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pgward.ca.identity import invitations
from pgward.ca.keys.sealing import Sealer
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)
SEALER = Sealer(b"s" * 32)
ID = "0123456789abcdef" * 2


@pytest.fixture
def transaction(logins):
    with logins.desk.store.write() as transaction:
        yield transaction


def make(transaction, user="alice"):
    return invitations.create(transaction, user, lifetime=HOUR, now=START, by="root")


def test_one_counts_until_it_expires_is_removed_or_another_comes(transaction):
    first, other = make(transaction), make(transaction, "root")
    connection = transaction.connection
    assert invitations.get(connection, first.id, START) == first
    assert {each.user for each in invitations.living(connection, START)} == {"alice", "root"}
    assert invitations.living(connection, START, users=["alice"]) == [first]
    assert invitations.living(connection, START + HOUR) == []
    second = make(transaction)
    for id_, now in ((first.id, START), (second.id, START + HOUR), ("0" * 32, START)):
        with pytest.raises(DeniedError, match="was used already, has expired"):
            invitations.get(connection, id_, now)
    assert invitations.remove(transaction, "alice") == second.id
    assert invitations.remove(transaction, "alice") is None
    assert invitations.get(connection, other.id, START) == other


def test_a_link_is_of_this_authority_and_whole():
    link = invitations.link(SEALER, "https://ca.example.com", ID)
    assert link.startswith(f"https://ca.example.com/welcome?invitation={invitations.PREFIX}")
    assert ID not in link
    (text,) = parse_qs(urlsplit(link).query)["invitation"]
    assert len(text) < invitations.MAX_LENGTH
    assert invitations.id_of(SEALER, text) == ID
    broken = [
        "",
        text[:-2],
        text[5:],
        f"{text}x" * 9,
        "pgi1.",
        "pgi1.é",
        "pgi1.AAAA",
        text[:-1] + "é",
    ]
    for sealer, given in [(Sealer(b"t" * 32), text), *((SEALER, each) for each in broken)]:
        with pytest.raises(DeniedError, match="not one of this authority's"):
            invitations.id_of(sealer, given)
