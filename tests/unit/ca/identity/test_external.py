from datetime import timedelta

import pytest

from pgward.ca.identity import directory, external, sessions
from pgward.ca.identity.directory import NewUser
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.sessions import new_session


@pytest.fixture
def people(store):
    with store.write() as transaction:
        for name, groups in {"root": ("administrators",), "ann": ("local",), "bob": ()}.items():
            directory.add(transaction, NewUser(name, groups=groups), now=START, by="test")
    return store


def link(store, subject: str = "s-1", user: str = "ann", provider: str = "corp"):
    with store.write() as transaction:
        return external.link(transaction, provider, subject, user, now=START, by="root")


def give(store, *groups: str, user: str = "ann", provider: str = "corp"):
    with store.write() as transaction:
        return external.change_groups(transaction, provider, user, groups)


def groups(store, user: str = "ann") -> list[str]:
    with store.read() as connection:
        return list(directory.get(connection, user).groups)


def test_a_subject_is_one_person(people) -> None:
    made = link(people)
    assert (made.user, made.subject, made.linked_by) == ("ann", "s-1", "root")
    assert link(people) == made
    with people.read() as connection:
        assert external.find(connection, "corp", "s-1") == made
        assert external.find(connection, "other", "s-1") is None
        assert external.links(connection, "corp", user="ann") == [made]


def test_subjects_and_people_are_linked_one_to_one(people) -> None:
    link(people)
    with pytest.raises(ConflictError, match="that subject is 'ann' already"):
        link(people, user="bob")
    with pytest.raises(ConflictError, match="'ann' has another subject at corp"):
        link(people, subject="s-2")
    assert link(people, subject="s-2", provider="other").provider == "other"
    with pytest.raises(NotFoundError):
        link(people, subject="s-3", user="nobody")


def test_what_a_provider_gave_it_takes_away(people) -> None:
    assert give(people, "dba", "dev") == (["dba", "dev"], [])
    assert give(people, "dev") == ([], ["dba"])
    assert give(people, "dev") == ([], [])
    assert groups(people) == ["dev", "local"]
    assert give(people) == ([], ["dev"])
    assert groups(people) == ["local"]


def test_a_group_that_was_given_here_stays(people) -> None:
    assert give(people, "local") == ([], [])
    assert give(people) == ([], [])
    assert groups(people) == ["local"]


def test_a_group_that_two_providers_give_stays_until_both_take_it(people) -> None:
    give(people, "dba")
    give(people, "dba", provider="other")
    with people.write() as transaction:  # the second one found it there, and does not count
        assert external.given_groups(transaction.connection, "other", "ann") == set()
    give(people)
    assert groups(people) == ["local"]


def test_a_group_that_was_taken_here_comes_back_with_the_next_look(people) -> None:
    give(people, "dba")
    with people.write() as transaction:
        directory.change_groups(transaction, "ann", ["local"])
    assert give(people, "dba") == (["dba"], [])


def test_the_last_administrator_stays_one(people) -> None:
    give(people, "administrators", "dba")
    with people.write() as transaction:
        directory.change_groups(transaction, "root", [])
    assert give(people) == ([], ["dba"])
    assert groups(people) == ["administrators", "local"]
    with people.write() as transaction:
        directory.change_groups(transaction, "root", ["administrators"])
    assert give(people) == ([], ["administrators"])


def test_unlinking_takes_the_groups(people) -> None:
    link(people)
    give(people, "dba")
    with people.write() as transaction:
        assert external.unlink(transaction, "corp", "ANN") == "ann"
    assert groups(people) == ["local"]
    with people.write() as transaction, pytest.raises(NotFoundError, match="is not linked to corp"):
        external.unlink(transaction, "corp", "ann")


def test_a_whole_provider_is_forgotten(people) -> None:
    link(people)
    link(people, "s-2", "bob")
    link(people, provider="other")
    with people.write() as transaction:
        assert external.unlink_all(transaction, "corp") == ["ann", "bob"]
    with people.read() as connection:
        assert external.links(connection, "corp") == []
        assert len(external.links(connection, "other")) == 1


def test_who_is_removed_is_forgotten(people) -> None:
    link(people)
    give(people, "dba")
    with people.write() as transaction:
        directory.remove(transaction, "ann")
    with people.read() as connection:
        assert external.find(connection, "corp", "s-1") is None
        assert external.given_groups(connection, "corp", "ann") == set()


def test_the_living_sessions_of_a_provider_are_found(people) -> None:
    with people.write() as transaction:
        ann = directory.get(transaction.connection, "ann")
        facts = {"provider": "corp", "provider_subject": "s-1"}
        one, two, other = (
            sessions.start(transaction, new_session(ann, **facts | changed), now=START)[0].id
            for changed in ({"provider_sid": "x"}, {"provider_sid": "y"}, {"provider": "other"})
        )
        external.logged_in(transaction, "corp", "s-1", START)

    def found(now=START, **wanted) -> list[str]:
        with people.read() as connection:
            by_user = external.sessions_of(connection, "corp", now=now, **wanted)
        return sorted(by_user.get("ann", []))

    assert found() == found(subject="s-1") == found(user="ann") == sorted([one, two])
    assert found(sid="y") == [two]
    assert found(sid="y", subject="s-2") == []
    assert found(now=START + timedelta(hours=11)) == []
    assert other not in found()
