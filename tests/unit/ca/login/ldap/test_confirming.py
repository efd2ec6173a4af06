"""Whom a directory is asked about; against OpenLDAP in tests/integration/test_ldap_renewal.py."""

from datetime import timedelta

import anyio
import pytest

from pgward.ca.identity import external, provider_secrets, sessions
from pgward.ca.login.confirming.question import EndedError
from pgward.ca.login.ldap.confirming import LdapConfirmer
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.resources import kinds, stored
from pgward.core.errors import LoginNeededError
from tests.fixtures.authority import START
from tests.fixtures.ldap_server import CA, bound, done, entry, ldap_server, several
from tests.fixtures.sessions import new_session

HOUR = timedelta(hours=1)


@pytest.fixture
def put(desk):
    def put(name="corp", url="ldaps://ldap.test", **changes):
        spec = {"type": "ldap", "servers": [url], "ca": CA, "timeoutSeconds": 1}
        spec |= {"bindDn": "cn=s", "userBase": "dc=x"} | changes
        body = {"kind": "IdentityProvider", "metadata": {"name": name}, "spec": spec}
        with desk.store.write() as transaction:
            wanted = kinds.read("IdentityProvider", body)
            stored.put(transaction, wanted, now=desk.now(), by="test")
            provider_secrets.store(transaction, desk.sealer, name, "s", now=START, by="test")

    return put


@pytest.fixture
def session(logins):
    def session(now=START, **facts):
        with logins.desk.store.write() as transaction:
            new = new_session(logins.user(), **facts)
            return sessions.start(transaction, new, now=now)[0]

    return session


@pytest.fixture
def link(logins):
    def link(provider="corp", subject="id1"):
        with logins.desk.store.write() as transaction:
            external.link(transaction, provider, subject, "alice", now=START, by="test")

    return link


@pytest.fixture
def confirmer(logins):
    return LdapConfirmer(logins.desk, Directories(logins.desk))


def test_without_a_directory_nobody_is_looked_at(confirmer, session):
    found = session()
    assert confirmer.concerns(found)  # until that is known
    assert confirmer.questions(found) == ()
    assert not confirmer.concerns(found)


def test_people_are_asked_about_where_they_are_linked(confirmer, session, put, link):
    put()
    put("other", refreshMinutes=5, refreshGraceMinutes=7)
    put("direct", bindDn=None, userBase=None, userDn="uid={user},dc=x")
    found = session()
    assert list(confirmer.questions(found)) == []
    link()
    link("other", "id2")
    link("direct", "id3")
    by_name = {each.provider: each for each in confirmer.questions(found)}
    assert set(by_name) == {"corp", "other"}
    assert by_name["corp"].every == timedelta(minutes=10)
    assert by_name["corp"].grace == timedelta(minutes=240)
    assert by_name["other"].every == timedelta(minutes=5)
    assert by_name["other"].grace == timedelta(minutes=7)
    assert by_name["corp"].claim()


def test_people_known_by_their_dn_cannot_be_found_again(confirmer, session, put, link):
    put()
    link(subject="dn-sha256:00")
    assert list(confirmer.questions(session())) == []


def test_the_grace_begins_with_the_login(logins, confirmer, session, put, link):
    put()
    link()
    [question] = confirmer.questions(session(START + HOUR))
    assert (question.confirmed_at, question.grace_from) == (START, START + HOUR)
    with logins.desk.store.write() as transaction:
        question.keep(transaction, START + 2 * HOUR)
    [question] = confirmer.questions(session(START + HOUR))
    assert question.confirmed_at == question.grace_from == START + 2 * HOUR


def test_groups_or_an_end(confirmer, session, put, link):
    alice = several(entry("uid=al,dc=x", uid="al", entryUUID="id1"), done())
    base = several(entry("dc=x"), done())
    link()
    with ldap_server(bound(), alice) as server:
        put(url=server.url)
        [question] = confirmer.questions(session())
        assert anyio.run(question.ask) is None  # nothing is said of groups
    with ldap_server(bound(), done(), base) as server:
        put(url=server.url)
        [question] = confirmer.questions(session())
        with pytest.raises(EndedError, match="does not let you in any more") as caught:
            anyio.run(question.ask)
    assert caught.value.why == "no entry of corp that may log in has the id id1"


def test_who_was_unlinked_meanwhile_logs_in_anew(logins, confirmer, session, put, link):
    put()
    link()
    [question] = confirmer.questions(session())
    with logins.desk.store.write() as transaction:
        external.unlink(transaction, "corp", "alice")
        with pytest.raises(LoginNeededError, match="not linked to corp any more"):
            question.keep(transaction, START)


def test_what_ends_is_the_persons(logins, confirmer, session, put, link):
    put()
    link()
    facts = {"provider": "corp", "provider_subject": "id1"}
    mine, there, elsewhere = session(), session(**facts), session(provider="other")
    [question] = confirmer.questions(mine)
    with logins.desk.store.read() as connection:
        assert question.sessions(connection, START) == sorted([mine.id, there.id])
    assert elsewhere.id not in (mine.id, there.id)
