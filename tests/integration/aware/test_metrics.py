"""What Prometheus hears of an edge of two workers, while people come, go and are refused."""

import urllib.request

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.edge_process import quiet_port
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = [pytest.mark.integration, pytest.mark.soak]


class Told:
    """The newest numbers, by name and labels."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.text = ""

    def __call__(self, name: str, *labels: str) -> float:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            self.text = answer.read().decode()
        for family in text_string_to_metric_families(self.text):
            for each in family.samples:
                if each.name == f"pgward_edge_{name}" and tuple(each.labels.values()) == labels:
                    return each.value
        raise KeyError(name)


def test_it_hears_what_all_workers_count(stack):
    port = quiet_port()
    edge = stack.new_edge("--workers", "2", "--metrics", port)
    told = Told(port)
    person, stranger = stack.person(), stack.person()
    service = stack.aware(person, edges=(edge,))
    with stack.tunnel(person, service.name) as running:
        sessions = [psycopg.connect(running.conninfo, autocommit=True) for _ in range(6)]
        assert told("sessions", "postgres") == 6
        for each in sessions:
            each.execute("SELECT repeat('x', 10000)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                each.execute("ALTER ROLE current_user PASSWORD 'x'")
            each.close()
        eventually(lambda: told("sessions", "postgres") == 0, what="sessions run on")
    assert told("sessions_total", "postgres") == 6
    assert told("statements_denied_total", "role") == 6
    eventually(lambda: told("sent_bytes_total") > 60_000, what="nothing was sent")
    assert told("handshakes_total", "in") >= 6
    assert told("workers") == 2
    eventually(lambda: told("database_up", service.name, f"127.0.0.1:{stack.cluster.port}") == 1)
    with pytest.raises(psycopg.OperationalError, match="not open to you"):
        psycopg.connect(straight(stranger, edge, service.name))
    assert told("refusals_total", "denied") >= 1
    eventually(lambda: told("audit_records_total") > 12, what="nothing is on record")
    assert not any(name in told.text for name in (person.name, stranger.name))
