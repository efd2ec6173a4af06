import pytest

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.store import audit
from pgward.core.errors import ConflictError, DeniedError, UnavailableError


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
