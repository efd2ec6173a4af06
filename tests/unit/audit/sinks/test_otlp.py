import json
import logging

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pgward.audit.sinks import otlp
from pgward.audit.sinks.otlp import OtlpSink
from pgward.audit.sinks.schemes import parse
from tests.fixtures.records import chained, record

LINES, _ = chained([record(1), record(2, status="denied", time="?")])


def deliver(receiver, *options):
    joined = f"#{','.join(options)}" if options else ""
    sink = OtlpSink.of(parse(f"otlp+http://{receiver.address}/v1/logs{joined}"))
    sink.deliver(LINES)
    sink.close()
    return receiver.requests[-1]


def test_lines_are_log_records_as_opentelemetrys_own_classes_read_them(plain_receiver):
    path, headers, body = deliver(plain_receiver)
    assert (path, headers["Content-Type"]) == ("/v1/logs", "application/json")
    read = json_format.Parse(body, ExportLogsServiceRequest())
    (resource,) = read.resource_logs
    (scope,) = resource.scope_logs
    first, second = scope.log_records
    assert (first.time_unix_nano, second.time_unix_nano) == (1795348801123456000, 0)
    assert [each.body.string_value.encode() for each in scope.log_records] == LINES
    assert (first.severity_text, second.severity_text) == ("INFO", "WARN")
    attributes = {each.key: each.value.string_value for each in first.attributes}
    assert attributes["pgward.user"] == "alice"
    assert attributes["pgward.id"] == record(1)["id"]
    assert resource.resource.attributes[0].value.string_value == "pgward-edge"


def test_a_header_lets_us_in(plain_receiver, tmp_path):
    (tmp_path / "header").write_text("Authorization: Bearer t0ken")
    _, headers, _ = deliver(plain_receiver, f"header=file:{tmp_path}/header")
    assert headers["Authorization"] == "Bearer t0ken"


def test_rejected_records_are_told_of_and_not_sent_again(plain_receiver, caplog):
    plain_receiver.answer = json.dumps({"partialSuccess": {"rejectedLogRecords": "1"}}).encode()
    with caplog.at_level(logging.ERROR):
        deliver(plain_receiver)
    assert "rejected 1 records of 2" in caplog.text


def test_every_line_can_be_encoded():
    lines, _ = chained([{"x": 1, "text": "ü\ud800"}])
    assert json.loads(otlp.encode(lines))
