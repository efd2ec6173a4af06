import pytest

from pgward.access.flows import Asked
from pgward.ca.access import ending
from pgward.ca.store import audit
from pgward.core.errors import ConflictError


@pytest.fixture
def end(access, clock):
    def do(grant, why="revoked", **more):
        with access.store.write() as transaction:
            return ending.end(transaction, grant, why, now=clock.now(), **more)

    return do


def test_what_is_on_a_server_ends_when_the_connector_has_taken_it_away(access, end, clock):
    grant = end(access.granted(), by="adam", note="enough")
    assert (grant.state, grant.end_reason, grant.ended_by, grant.ended_at) == (
        "ending",
        "revoked",
        "adam",
        None,
    )
    clock.move(seconds=3)
    with access.store.write() as transaction:
        done = ending.finish(transaction, grant, 2, now=clock.now())
        again = ending.finish(transaction, done, 9, now=clock.now())
    assert (done.state, done.sessions_ended, done.ended_at) == ("ended", 2, clock.now())
    assert again == done
    with access.store.read() as connection:
        said = [each["action"] for each in audit.events(connection, after=0, limit=100)]
    assert said[-2:] == ["access.revoke", "access.finish"]


def test_what_only_lets_in_ends_at_once(access, end, clock):
    access.flow(bundles=None, roles=None, privileges=None, approvals=[])
    grant = end(access.grant(access.ask(asked=Asked()).id))
    assert (grant.state, grant.ended_at) == ("ended", clock.now())


def test_what_has_ended_does_not_end_again(access, end):
    grant = end(access.granted())
    with pytest.raises(ConflictError, match="ended already"):
        end(grant)


def test_what_never_was_failed(access, end):
    assert end(access.granted(), "expired").end_reason == "failed"


def test_a_question_whether_it_may_be_longer_ends_with_it(access, end):
    grant = access.granted()
    longer = access.extend(grant.id)
    end(grant)
    assert access.request(longer.id).state == "lapsed"


def test_a_request_that_waits_is_cancelled_once(access, clock):
    asked = access.ask()
    with access.store.write() as transaction:
        gone = ending.withdraw(transaction, asked, "cancelled", now=clock.now(), by="ann")
    assert gone.state == "cancelled"
    with pytest.raises(ConflictError, match="is cancelled already"), access.store.write() as again:
        ending.withdraw(again, gone, "lapsed", now=clock.now(), by="ca")


def test_approve_after_cancel_is_refused(access, clock):
    asked = access.ask()
    with access.store.write() as transaction:
        ending.withdraw(transaction, asked, "cancelled", now=clock.now(), by="ann")
    with pytest.raises(ConflictError, match="is cancelled already"):
        access.decide(asked.id, "dora")


def test_what_is_live(access, clock):
    grant = access.granted()
    assert not ending.is_live(grant, clock.now())
    assert not ending.is_live(None, clock.now())
