"""Sessions that the edge ends: each is on record with the same word, wherever one looks."""

import json

import psycopg
import pytest

from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration


def ends_of(stack, person) -> tuple[list[str], list[dict]]:
    """Return the words of the events of somebody's sessions, and the records of their ends."""
    events = stack.audit(action="session.cut", actor=person.name)
    text = stack.site.api.get_bytes(f"/v1/audit/records?user={person.name}&type=SESSION_END")
    records = [json.loads(line) for line in text.splitlines()]
    return [each["reason"] for each in events], [each for each in records if "type" in each]


@pytest.fixture
def person(stack):
    return stack.person()


def test_a_limit_of_time(stack, person):
    service = stack.aware(person, limits={"idleTimeout": "1s"})
    with psycopg.connect(straight(person, stack.edge, service.name), autocommit=True) as session:
        session.execute("select 1")
        told = eventually(lambda: ends_of(stack, person)[0])
        assert told == ["idle"]
        (record,) = eventually(lambda: ends_of(stack, person)[1])
        assert (record["details"]["cut"], record["sqlstate"]) == ("idle", "57P05")
        assert record["reason"] == "the session was idle for 1 second"


def test_an_administrator(stack, person):
    service = stack.aware(person)
    api = stack.site.api
    with psycopg.connect(straight(person, stack.edge, service.name), autocommit=True) as session:
        session.execute("select 1")
        path = f"/v1/database-sessions?user={person.name}"
        (live,) = eventually(lambda: api.get(path)["sessions"])
        ending = {"reason": "enough for today", "force": True}
        api.post(f"/v1/database-sessions/{live['id']}/end", ending)
        assert eventually(lambda: ends_of(stack, person)[0]) == ["ended"]
        (record,) = eventually(lambda: ends_of(stack, person)[1])
        assert (record["details"]["cut"], record["sqlstate"]) == ("ended", "57P01")
        assert "enough for today" in record["reason"]


def test_a_person_who_is_blocked(stack, person):
    service = stack.aware(person)
    with psycopg.connect(straight(person, stack.edge, service.name), autocommit=True) as session:
        session.execute("select 1")
        stack.site.admin.ok("user", "block", person.name)
        assert eventually(lambda: ends_of(stack, person)[0]) == ["blocked"]
        (record,) = eventually(lambda: ends_of(stack, person)[1])
        assert (record["details"]["cut"], record["sqlstate"]) == ("blocked", "57P01")
