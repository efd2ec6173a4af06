"""An edge that has all its connections in use: everybody hears it, and what runs is cancelled."""

import psycopg
import pytest

from pgward.core.names import UNKNOWN
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration

TOLD = "the edge has all its connections in use"
FULL = f"FATAL:  pgward: {TOLD}"
HINT = "HINT:  try again, or have whoever runs the edge raise --max-connections"


def refused(conninfo: str) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(conninfo).close()
    return str(caught.value)


def lets_in(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo).close()
    except psycopg.OperationalError:
        return False
    return True


def test_whoever_comes_to_a_full_edge_hears_that(stack):
    edge = stack.new_edge("--max-connections", 2, "--max-connections-per-user", 2)
    person = stack.person()
    service = stack.aware(person, edges=(edge,))
    where = straight(person, edge, service.name)
    by_password = person.data("otp", service.name)["uri"]
    with psycopg.connect(where, autocommit=True) as first, psycopg.connect(where) as second:
        for each in (where, by_password, f"{where} sslnegotiation=direct"):
            said = refused(each)
            assert FULL in said
            assert HINT in said
        tunnel = person.run("connect", service.name)
        assert tunnel.returncode == 3
        assert TOLD in tunnel.stderr
        assert cancelled(first)
        second.close()
        # It is not used up by a refusal.
        eventually(lambda: lets_in(by_password), what="there is no room yet")

    def recorded() -> set[tuple[str, str]]:
        events = stack.audit(action="session.open", outcome="denied")
        here = [each for each in events if each["details"]["edge"] == edge.directory.name]
        return {(each["actor"], each["reason"]) for each in here}

    eventually(lambda: recorded() == {(person.name, TOLD), (UNKNOWN, TOLD)}, what="no record")
