import pytest

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.identity import directory, sessions
from pgward.ca.identity.directory import ADMINISTRATORS, NewUser
from pgward.ca.store import audit
from pgward.core.errors import ConflictError, DeniedError, LoginNeededError, UnavailableError
from tests.fixtures.sessions import new_session


@pytest.fixture
def acts(store, clock):
    return Acts(store, clock)


def _events(store):
    with store.read() as connection:
        found = audit.events(connection)
    return [(e["actor"], e["action"], e["outcome"], e["target"], e["reason"]) for e in found]


def test_an_act_commits_with_its_event(acts, store):
    reset = caller.client.set("10.0.0.1")
    with acts.act("alice", "user.add", "bob") as act:
        act.details["groups"] = ["dba"]
    caller.client.reset(reset)
    with store.read() as connection:
        (event,) = audit.events(connection)
    assert (event["client"], event["details"]) == ("10.0.0.1", {"groups": ["dba"]})
    assert _events(store) == [("alice", "user.add", "ok", "bob", None)]


def test_an_act_without_effect_is_not_recorded(acts, store):
    with acts.act("alice", "user.add") as act:
        act.worth_recording = False
    assert _events(store) == []


@pytest.mark.parametrize(
    ("error", "outcome"), [(DeniedError("no"), "denied"), (ConflictError("no"), "failed")]
)
def test_a_refusal_rolls_back_and_is_recorded(acts, store, error, outcome):
    def refuse():
        with acts.act("alice", "user.add", "bob") as act:
            act.transaction.changed()
            raise error

    with pytest.raises(type(error)):
        refuse()
    assert _events(store) == [("alice", "user.add", outcome, "bob", "no")]
    assert store.version() == 1


def test_a_store_that_is_away_is_not_asked_again(acts, store):
    def fail():
        with acts.act("alice", "user.add"):
            raise UnavailableError("away")

    with pytest.raises(UnavailableError):
        fail()
    assert _events(store) == []


def test_a_target_that_is_no_name_is_cut_to_what_every_store_takes(acts, store):
    with pytest.raises(ConflictError), acts.act("alice", "user.remove", "x" * 5000):
        raise ConflictError("y" * 5000)
    (found,) = _events(store)
    assert found[3:] == ("x" * 1024, "y" * 1024)


@pytest.fixture
def asking(store, clock):
    """Ask in a login session of root, an administrator; another one is there, too."""
    with store.write() as transaction:
        for name in ("root", "other"):
            new = NewUser(name, groups=(ADMINISTRATORS,))
            user = directory.add(transaction, new, now=clock.now(), by="test")
        user = directory.get(transaction.connection, "root")
        session, _ = sessions.start(transaction, new_session(user), now=clock.now())
    request = caller.Asked()
    reset = caller.asked.set(request)
    caller.is_now("root", session.id, ADMINISTRATORS)
    yield request
    caller.asked.reset(reset)


def _change(store, how, *args, **kwargs):
    with store.write() as transaction:
        how(transaction, *args, **kwargs)


def test_a_change_of_a_session_that_was_ended_while_it_waited_is_refused(
    acts, store, clock, asking
):
    _change(store, sessions.end, "logout", now=clock.now(), session_id=asking.session)
    with (
        pytest.raises(LoginNeededError, match="your login session has ended"),
        acts.act("root", "user.add", "bob"),
    ):
        pytest.fail("it acts")
    assert _events(store) == [("root", "user.add", "denied", "bob", "your login session has ended")]


def test_so_is_one_of_who_is_no_administrator_any_more(acts, store, asking):
    assert asking.group == ADMINISTRATORS
    _change(store, directory.change_groups, "root", ())
    with (
        pytest.raises(DeniedError, match="only a member of administrators may do this"),
        acts.act("root", "user.add", "bob"),
    ):
        pytest.fail("it acts")


def test_what_follows_an_act_that_ended_its_own_session_belongs_to_the_same_request(
    acts, clock, asking
):
    session = asking.session
    with acts.act("root", "session.end") as act:
        sessions.end(act.transaction, "logout", now=clock.now(), session_id=session)
    with acts.act("root", "user.add", "bob") as act:
        act.worth_recording = False
    assert asking.session is None
