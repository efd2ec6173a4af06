"""Choosing a password by a link."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.login.inviting import Inviting
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.notices.notice import Facts
from pgward.ca.resources import kinds, stored
from pgward.ca.settings import Settings
from pgward.ca.store import audit
from pgward.ca.store.schema_notices import notices
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError
from tests.fixtures.logins import REVOKER

HOUR = timedelta(hours=1)
NEW = "a battery for the horse"
MAIL = '[notify.smtp]\nserver = "localhost:25"\nsender = "a@b"\n'


@pytest.fixture
def refused():
    return []


@pytest.fixture
def inviting(logins, refused):
    with logins.desk.store.write() as transaction:
        new = NewUser("bob", email="bob@example.com")
        directory.add(transaction, new, now=logins.desk.now(), by="root")
    changes, rules = PasswordChanges(logins.desk, REVOKER), LoginRuleBook(Settings())
    return Inviting(logins.desk, changes, rules, lambda: refused.append(1))


def invite(inviting, name="bob", **how):
    with inviting.desk.acts.act("root", "user.invite", name) as act:
        link, mailed = inviting.invite(act, name, **{"lifetime": HOUR, "mail": True} | how)
    assert not mailed
    return parse_qs(urlsplit(link).query)["invitation"][0]


def accept(inviting, text, password=NEW):
    return anyio.run(inviting.accept, text, password)


def rule(inviting, **spec):
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "r1"},
        "spec": {"appliesTo": {"everyone": True}, **spec},
    }
    with inviting.desk.store.write() as transaction:
        wanted = kinds.read("LoginRule", body)
        stored.put(transaction, wanted, now=inviting.desk.now(), by="test")


def test_a_password_is_chosen_once(inviting, logins, refused):
    text = invite(inviting)
    for _ in range(2):  # looking changes nothing
        found = inviting.look(text)
    assert found.user.name == "bob"
    assert found.rules == "at least 8 letters, and not your name"
    assert accept(inviting, text).password_changed_at == logins.desk.now()
    with logins.desk.store.read() as connection:
        encoded = directory.password_hash(connection, "bob")
    assert logins.desk.workers.passwords.verify(encoded, NEW)
    with pytest.raises(DeniedError, match="was used already"):
        accept(inviting, text)
    assert refused == [1]
    with logins.desk.store.read() as connection:
        event, refusal = audit.events(connection, after=0, action="invitation.accept")
    assert (event["actor"], event["target"]) == ("bob", "bob")
    assert event["details"]["invited_by"] == "root"
    assert (refusal["actor"], refusal["outcome"]) == ("unknown", "denied")


def test_a_password_that_breaks_the_rules_leaves_the_link(inviting):
    rule(inviting, password={"minLength": 14})
    text = invite(inviting)
    assert "at least 14 letters" in inviting.look(text).rules
    for bad in ("short", "bob likes batteries"):
        with pytest.raises(InvalidInputError):
            accept(inviting, text, bad)
    accept(inviting, text)


def test_a_link_counts_no_more(inviting, logins):
    first = invite(inviting)
    second = invite(inviting)
    with pytest.raises(DeniedError, match="another one came later"):
        inviting.look(first)
    with logins.desk.store.write() as transaction:
        later = logins.desk.now() + timedelta(minutes=1)
        directory.set_password(transaction, "bob", "$hash", now=later)
    with pytest.raises(DeniedError, match="before your password was last changed"):
        inviting.look(second)
    with logins.desk.store.write() as transaction:
        assert inviting.withdraw(transaction, "bob")
        assert not inviting.withdraw(transaction, "bob")
    third = invite(inviting)
    logins.desk.clock.move(hours=1)
    with pytest.raises(DeniedError, match="has expired"):
        inviting.look(third)
    with pytest.raises(DeniedError, match="not one of this authority's"):
        accept(inviting, "pgi1.x")


def test_who_was_blocked_or_removed_chooses_nothing(inviting, logins):
    text = invite(inviting)
    with logins.desk.store.write() as transaction:
        directory.block(transaction, "bob", "", now=logins.desk.now())
    with pytest.raises(DeniedError, match="blocked"):
        accept(inviting, text)
    with pytest.raises(ConflictError, match="bob is blocked"):
        invite(inviting)
    with logins.desk.store.write() as transaction:
        directory.remove(transaction, "bob")
    with pytest.raises(DeniedError, match="not valid"):
        accept(inviting, text)


def test_whom_a_password_is_no_use_to_gets_no_link(inviting, logins):
    with logins.desk.store.write() as transaction:
        new = NewUser("old", valid_until=logins.desk.now())
        directory.add(transaction, new, now=logins.desk.now(), by="root")
    with pytest.raises(ConflictError, match="is not valid now, nor by then"):
        invite(inviting, "old")
    rule(inviting, methods=["oidc", "passkey"])
    with pytest.raises(ConflictError, match="log in by oidc, passkey only"):
        invite(inviting)


def test_an_e_mail_goes_out_where_there_is_one(inviting, logins):
    object.__setattr__(logins.desk, "settings", Settings.parse(MAIL))
    for mail, sent in ((False, False), (True, True)):
        with logins.desk.acts.act("root", "user.invite", "bob") as act:
            link, mailed = inviting.invite(act, "bob", lifetime=HOUR, mail=mail)
        assert mailed is sent
    with logins.desk.store.read() as connection:
        (row,) = connection.execute(sa.select(notices)).all()
    assert (row.kind, row.recipients) == ("invited", ["bob"])
    assert Facts.read(row.facts).until == logins.desk.now() + HOUR
    assert inviting.link(row.request_id).split(".")[0] == link.split(".")[0]
    assert row.request_id not in link
    with logins.desk.store.write() as transaction:
        inviting.withdraw(transaction, "bob")
        assert transaction.execute(sa.select(notices)).all() == []
