import re
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pgward.core.address import Address
from pgward.tunnel.edge.auditor.status import Status, StatusFile, Waiting
from pgward.tunnel.edge.metrics import board
from pgward.tunnel.edge.metrics.board import Board
from pgward.tunnel.edge.metrics.report import Ends, Report
from pgward.tunnel.edge.upstreams.health import Health
from pgward.tunnel.edge.upstreams.health_file import Keeper
from tests.fixtures.fake_ca import FakeClock

END = datetime(2026, 12, 1, tzinfo=UTC)
KNOWN = (
    Health("orders", Address("db1", 5432), None, 0.1, 1.0),
    Health("orders", Address("db2", 5432), "it does not answer", 5.0, 1.0),
)


def told(directory, counted=None, ends=None):
    report = Report(directory, counted or Board(2), 2, lambda: ends or Ends(END))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(report.text().decode())
        for sample in family.samples
    }


def test_what_is_counted_is_told_by_fixed_words(tmp_path):
    counted = Board(2)
    counted.pane(0).add(board.OPENED, "tcp", by=3)
    counted.pane(1).add(board.OPENED, "tcp", by=4)
    counted.pane(1).add(board.REFUSED, "blocked")
    counted.pane(1).add(board.CPU, by=1500)
    found = told(tmp_path, counted)
    assert found["pgward_edge_sessions_total", "tcp"] == 7
    assert found["pgward_edge_refusals_total", "blocked"] == 1
    assert found["pgward_edge_refusals_total", "revoked"] == 0
    assert found["pgward_edge_workers",] == 2
    assert found["pgward_edge_cpu_seconds_total",] == 1.5


def test_until_when_it_can_serve(tmp_path):
    name = "pgward_edge_revocations_end_timestamp_seconds"
    found = told(tmp_path)
    assert found["pgward_edge_certificate_end_timestamp_seconds",] == END.timestamp()
    assert (name,) not in found
    found = told(tmp_path, ends=Ends(END, END, 12))
    assert found[name,] == END.timestamp()
    assert found["pgward_edge_configuration_version",] == 12


def test_what_its_files_say(tmp_path):
    assert not any("database" in each[0] or "audit" in each[0] for each in told(tmp_path))
    Keeper(tmp_path)(KNOWN, True)
    (tmp_path / "audit").mkdir()
    waiting = {"ca": Waiting(2, "it is away"), "file-1": Waiting(0, None)}
    StatusFile(tmp_path / "audit", FakeClock()).write(Status(9, 5, 2, 900, ("x",), waiting, 3))
    found = told(tmp_path)
    assert found["pgward_edge_database_up", "orders", "db1:5432"] == 1
    assert found["pgward_edge_database_up", "orders", "db2:5432"] == 0
    assert found["pgward_edge_database_asked_timestamp_seconds",] > 0
    assert found["pgward_edge_audit_records_total",] == 9
    assert found["pgward_edge_audit_tape_bytes",] == 5
    assert found["pgward_edge_audit_chunk_bytes",] == 900
    assert found["pgward_edge_audit_unreadable_tapes",] == 1
    assert found["pgward_edge_audit_refused_chunks",] == 3
    assert found["pgward_edge_audit_chunks_waiting", "ca"] == 2
    assert found["pgward_edge_audit_chunks_waiting", "file-1"] == 0
    assert found["pgward_edge_audit_target_failing", "ca"] == 1


def test_a_file_that_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "audit" / "status.json").mkdir(parents=True)
    assert not any("audit" in each[0] for each in told(tmp_path))


def test_alerts_and_the_reference_are_of_metrics_that_there_are(tmp_path):
    Keeper(tmp_path)(KNOWN, True)
    (tmp_path / "audit").mkdir()
    waiting = {"ca": Waiting(0, None)}
    StatusFile(tmp_path / "audit", FakeClock()).write(Status(0, 0, 0, 0, (), waiting))
    there = {name for name, *_ in told(tmp_path, ends=Ends(END, END))}
    root = Path(__file__).parents[5]
    rules = (root / "examples" / "prometheus-rules.yml").read_text()
    named = set(re.findall(r"pgward_edge_\w+", rules))
    assert named
    assert named <= there
    reference = (root / "docs" / "reference" / "metrics.md").read_text()
    assert set(re.findall(r"pgward_edge_\w+", reference)) == there
