"""An edge that drains and its successor in the same directory: each has its own auditor's care."""

import json
import signal
from base64 import b64decode

import psycopg
import pytest

from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration


def said_in(stack, session: str) -> bytes:
    """Return the answers in a session's recording."""
    lines = stack.site.api.get_bytes(f"/v1/database-sessions/{session}/recording").splitlines()
    return b"".join(b64decode(json.loads(line).get("data", "")) for line in lines)


@pytest.mark.soak
def test_recordings_of_both_are_whole(stack):
    person, edge = stack.person(), stack.new_edge()
    service = stack.aware(person, edges=(edge,), postgres={"recording": "results"})
    where = straight(person, edge, service.name)
    path = f"/v1/database-sessions?service={service.name}"

    def complete() -> list[str]:
        found = stack.site.api.get(path)["sessions"]
        about = [stack.site.api.get(f"/v1/database-sessions/{each['id']}") for each in found]
        return [each["id"] for each in about if (each["recording"] or {}).get("complete")]

    with psycopg.connect(where, autocommit=True) as former:
        former.execute("select 'be' || 'fore'")
        edge.send(signal.SIGTERM)
        edge.says("stopping: 1 sessions")
        successor = EdgeProcess(edge.directory, edge.port)
        try:
            with psycopg.connect(where, autocommit=True) as later:
                later.execute("select 'af' || 'ter'")
            former.execute("select 'be' || 'fore'")
            former.close()
            assert edge.ended() == 0
            sessions = eventually(lambda: (found := complete())[1:] and found)
        finally:
            successor.close()
    said = sorted(said_in(stack, each) for each in sessions)
    counts = [(each.count(b"before"), each.count(b"after")) for each in said]
    assert sorted(counts) == [(0, 1), (2, 0)]
