import asyncio
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa

from pgward.ca.access import asked_checks, asked_plans, requests
from pgward.ca.records import Kind
from pgward.ca.service import connector_polls as module
from pgward.ca.service.connector_polls import ConnectorPolls
from pgward.ca.store.schema_access import access_grants
from tests.fixtures.access_world import INTEGRATION


@dataclass
class Of:
    kind: Kind = Kind.CONNECTOR
    name: str = "c1"
    actor: str = "connector:c1"


@dataclass
class Changes:
    """Tells versions as a test says, instead of waiting for them."""

    store: object
    steps: list = field(default_factory=list)

    @property
    def version(self):
        return self.store.version()

    async def wait(self, after, seconds):
        assert (seconds > 0, after <= self.store.version()) == (True, True)
        if self.steps:
            await asyncio.to_thread(self.steps.pop(0))
        return self.store.version()


@pytest.fixture
def polls(access, clock):
    return ConnectorPolls(access.store, Changes(access.store), clock.now)


def poll(polls, after=0, tag="", seconds=5.0):
    return asyncio.run(polls.newer(Of(), after, tag, seconds))


def test_the_first_answer_comes_at_once(polls):
    assert [each["name"] for each in poll(polls).integrations] == ["shop-db"]


def test_nothing_new_comes_in_time(polls):
    known = poll(polls)
    assert poll(polls, known.version, known.tag) is None
    assert poll(polls, known.version, known.tag, 0) is None


def test_what_does_not_concern_a_connector_wakes_it_for_nothing(access, polls):
    known = poll(polls)
    polls._changes.steps = [
        lambda: access.put("Integration", "other", INTEGRATION, connector="c2"),
        access.granted,
    ]
    found = poll(polls, known.version, known.tag)
    assert len(found.integrations[0]["wanted"]["grants"]) == 1


def test_a_replica_that_is_behind_has_nothing_to_tell(polls):
    known = poll(polls)
    assert poll(polls, known.version + 1) is None


def test_what_is_over_by_time_alone_is_seen(access, polls, clock):
    access.granted()
    assert len(poll(polls).integrations[0]["wanted"]["grants"]) == 1
    clock.move(hours=1)
    assert poll(polls).integrations[0]["wanted"]["grants"] == []


@pytest.fixture
def built(monkeypatch):
    """Return the versions that an answer was made of."""
    seen: list[int] = []
    real = module.wanted_builder.of_machine

    def counted(connection, machine, version, now):
        seen.append(version)
        return real(connection, machine, version, now)

    monkeypatch.setattr(module.wanted_builder, "of_machine", counted)
    return seen


def test_grants_elsewhere_cost_nothing(access, polls, grant, built):
    known = polls.get(Of())
    grant(1, integration="elsewhere")
    with access.store.write() as transaction:
        transaction.granted()
    built.clear()
    polls.get(Of())  # the fixture says that all may have changed
    with access.store.write() as transaction:
        wanted = sa.update(access_grants).where(access_grants.c.id == "g1")
        transaction.execute(wanted.values(problem="x"))
        transaction.granted()
    found = polls.get(Of())
    assert (found.version, found.tag) == (access.store.version(), known.tag)
    assert len(built) == 1
    access.granted()
    assert polls.get(Of()).tag != known.tag
    assert len(built) == 2


def test_a_question_is_told_and_costs_others_nothing(access, polls, clock, built):
    def ask(request):
        with access.store.write() as transaction:
            found = requests.get(transaction.connection, request.id)
            return asked_plans.ask(transaction, found, now=clock.now(), by="dora")

    asked = access.ask()
    known = polls.get(Of())
    plan = ask(asked)
    found = polls.get(Of())
    assert (found.questions, found.tag != known.tag) == ({("shop-db", plan.number)}, True)
    with access.store.write() as transaction:
        trial = asked_checks.ask(transaction, "shop-db", now=clock.now(), by="root")
    both = {("shop-db", plan.number), ("shop-db", trial.number)}
    assert polls.get(Of()).questions == both
    access.put("Integration", "other", INTEGRATION, connector="c2")
    elsewhere = Of(name="c2", actor="connector:c2")
    polls.get(elsewhere)
    with access.store.write() as transaction:
        whose = ("shop-db", plan.request_id, plan.number)
        assert asked_plans.answer(transaction, *whose, {"failure": None}, now=clock.now())
        assert asked_checks.answer(transaction, "shop-db", trial.number, [], now=clock.now())
    built.clear()
    polls.get(elsewhere)
    assert built == []
    assert polls.get(Of()).tag == known.tag


def test_an_answer_from_before_a_restore_is_made_anew(access, polls, built):
    known = polls.get(Of())
    polls._known[Of.actor] = replace(known, version=known.version + 10)
    assert polls.get(Of()).version == access.store.version()
    assert len(built) == 2
