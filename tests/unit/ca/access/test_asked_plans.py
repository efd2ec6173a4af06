from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.access.flows import Asked
from pgward.access.questions import Question
from pgward.access.rights import Rights
from pgward.ca.access import asked_plans, declared, requests
from pgward.ca.access.asked_plans import FRESH, KEPT, MOST_OF_ONE, MOST_OPEN, OPEN
from pgward.ca.accounts import access_roles
from pgward.ca.store.schema import audit_events
from pgward.core.errors import ConflictError, TooManyRequestsError
from tests.fixtures.access_world import BUNDLE, BUNDLE_SPEC, INTEGRATION, SERVICE, on
from tests.fixtures.ca_service import SEALER

CONTENT = {"statements": [], "failure": None}
BY_PASSWORD = {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}}


@pytest.fixture
def plans(access, clock):
    return Plans(access, clock)


class Plans:
    """Asks and answers, each in a transaction of its own."""

    def __init__(self, access, clock):
        self.access, self.clock = access, clock

    def ask(self, request):
        with self.access.store.write() as transaction:
            found = requests.get(transaction.connection, request.id)
            return asked_plans.ask(transaction, found, now=self.clock.now(), by="dora")

    def answer(self, plan, **change):
        given = {"request_id": plan.request_id, "integration": "shop-db", "number": plan.number}
        with self.access.store.write() as transaction:
            return asked_plans.answer(
                transaction, **given | change, content=CONTENT, now=self.clock.now()
            )

    def find(self, request):
        with self.access.store.read() as connection:
            return asked_plans.find(connection, request.id)

    def questions(self, integration="shop-db"):
        with self.access.store.read() as connection:
            spec = declared.integration(connection, "shop-db")
            found = asked_plans.questions(connection, integration, spec, self.clock.now())
            return [Question.read(each) for each in found]


def test_a_question_is_the_request_as_it_would_be(access, clock, plans):
    asked = access.ask(asked=on())
    plan = plans.ask(asked)
    (question,) = plans.questions()
    assert (question.request, question.number, question.bundles) == (asked.id, plan.number, {})
    grant = question.grant
    assert (grant.id, grant.person, grant.role) == (asked.id, "ann", "ann")
    assert (grant.until, grant.rights) == (clock.now() + timedelta(hours=1), on().rights)
    assert plans.questions("other") == []


def test_a_bundle_comes_with_what_is_in_it_now(access, plans):
    plans.ask(access.ask())
    access.put("RoleBundle", BUNDLE, BUNDLE_SPEC, roles=["reporting"], privileges=None)
    (question,) = plans.questions()
    assert question.bundles == {BUNDLE: Rights(frozenset({"reporting"}))}
    access.put("RoleBundle", BUNDLE, BUNDLE_SPEC, integrations=["other"])
    assert plans.questions() == []


def test_a_password_is_another_with_each_grant_and_the_same_with_a_longer_one(access, plans):
    access.put("Service", "shop", SERVICE, mode="postgres", postgres=BY_PASSWORD)
    first = access.ask()
    plans.ask(first)
    assert [each.password for each in plans.questions()] == [1]
    access.decide(first.id, "dora")
    with access.store.write() as transaction:
        assert access_roles.make(transaction, SEALER, "shop-db", {"ann": 1})
    second, longer = access.ask(asked=on()), access.extend(first.id)
    plans.ask(second)
    plans.ask(longer)
    found = {each.request: each.password for each in plans.questions()}
    assert found == {second.id: 2, longer.id: 1}


def test_of_a_grant_that_shall_last_longer_the_end_is_asked(access, plans):
    grant = access.granted()
    plans.ask(access.extend(grant.id))
    (question,) = plans.questions()
    assert (question.grant.id, question.grant.until) == (
        grant.id,
        grant.ends_at + timedelta(hours=1),
    )


def test_an_answer_is_taken_once_and_the_question_is_gone(access, clock, plans):
    asked = access.ask()
    plan = plans.ask(asked)
    assert not plans.answer(plan, number="0" * 16)
    assert not plans.answer(plan, integration="other")
    assert plans.answer(plan)
    assert not plans.answer(plan)
    found = plans.find(asked)
    assert (found.answered_at, found.answer) == (clock.now(), CONTENT)
    assert plans.questions() == []


def test_who_asks_again_soon_gets_the_same(access, clock, plans):
    asked = access.ask()
    first = plans.ask(asked)
    clock.moment += OPEN / 3
    assert plans.ask(asked) == first
    plans.answer(first)
    assert plans.ask(asked).answer == CONTENT
    clock.moment += FRESH
    second = plans.ask(asked)
    assert (second.number != first.number, second.answer) == (True, None)
    assert [each.number for each in plans.questions()] == [second.number]


def test_a_question_that_nobody_answers_is_asked_anew_and_forgotten(access, clock, plans):
    asked, other = access.ask(), access.ask(asked=on())
    first = plans.ask(asked)
    clock.moment += OPEN / 2
    second = plans.ask(asked)
    assert second.number != first.number
    clock.moment += OPEN
    assert plans.questions() == []
    clock.moment += KEPT - OPEN + timedelta(seconds=1)
    again = access.ask("sam")
    plans.ask(again)
    assert (plans.find(asked), plans.find(other)) == (None, None)


def test_each_question_is_on_record(access, plans):
    asked = access.ask()
    plans.ask(asked)
    plans.ask(asked)
    with access.store.read() as connection:
        found = connection.execute(sa.select(audit_events.c["actor", "action", "target"])).all()
    assert [each for each in found if each.action == "access.plan"] == [
        ("dora", "access.plan", asked.id)
    ]


def test_there_is_nothing_to_plan_for_what_is_decided_or_runs_nothing(access, clock, plans):
    denied = access.ask()
    access.decide(denied.id, "dora", approve=False)
    late = access.ask(asked=on())
    gone = access.ask(asked=on("shop", "public", "customers"))
    plans.ask(gone)
    access.decide(gone.id, "dora", approve=False)
    assert plans.questions() == []
    clock.moment += timedelta(days=2)
    for each in (denied, late):
        with pytest.raises(ConflictError, match="waits for nobody any more"):
            plans.ask(each)
    access.flow(bundles=[], roles=[], privileges=[])
    entry = access.ask(asked=Asked())
    assert not asked_plans.can_be_asked(access.request(entry.id))
    with pytest.raises(ConflictError, match="runs no SQL"):
        plans.ask(entry)


def test_what_could_not_be_approved_is_told_at_once(access, plans):
    asked = access.ask()
    access.put("RoleBundle", BUNDLE, BUNDLE_SPEC, integrations=["other"])
    with pytest.raises(ConflictError, match="not for this server any more"):
        plans.ask(asked)
    access.put("Integration", "shop-db", INTEGRATION)


def test_nobody_has_all_the_room_of_a_connector(access, plans):
    several = [access.ask(asked=on("shop", "public", f"t{number}")) for number in range(6)]
    asked = [plans.ask(each) for each in several[:MOST_OF_ONE]]
    assert plans.ask(several[0]) == asked[0]  # that is no other
    with pytest.raises(TooManyRequestsError, match="5 plans of requests of ann"):
        plans.ask(several[MOST_OF_ONE])
    plans.ask(access.ask("sam"))
    plans.answer(asked[0])
    plans.ask(several[MOST_OF_ONE])


def test_a_connector_is_not_asked_without_end(access, plans, monkeypatch):
    monkeypatch.setattr(asked_plans, "MOST_OF_ONE", MOST_OPEN)
    for number in range(MOST_OPEN):
        plans.ask(access.ask(asked=on("shop", "public", f"t{number}")))
    with pytest.raises(TooManyRequestsError):
        plans.ask(access.ask("sam"))
