import json
import socket
from contextlib import closing

import pytest

from pgward.audit.sinks import syslog
from pgward.audit.sinks.schemes import parse
from pgward.audit.sinks.sink import SinkError
from pgward.audit.sinks.syslog import SyslogSink
from pgward.core.errors import InvalidInputError
from tests.fixtures.receivers import StreamServer
from tests.fixtures.records import chained, record

LINES, _ = chained([record(1), record(2, status="denied", text="séléct")])
HEADER = b"<110>1 2026-11-22T12:00:01.123456Z edge-host pgward - QUERY - "
DENIED = b"<108>1 2026-11-22T12:00:02.123456Z edge-host pgward - QUERY - "


def of(text):
    return closing(SyslogSink.of(parse(text)))


def framed(*messages):
    return b"".join(b"%d %b" % (len(each), each) for each in messages)


@pytest.fixture
def server():
    made = StreamServer()
    yield made
    made.close()


def test_over_tls_each_message_has_its_length_in_front(tls_world):
    server = StreamServer(tls_world.server)
    url = f"syslog+tls://localhost:{server.port}#ca={tls_world.ca},hostname=edge-host"
    with of(url) as sink:
        sink.deliver(LINES)
        server.has(framed(HEADER + LINES[0], DENIED + LINES[1]))
        sink.deliver(LINES[:1])
        server.has(LINES[1] + framed(HEADER + LINES[0]))
    server.close()
    assert server.connections == 1


def test_a_server_of_another_ca_gets_nothing(tls_world):
    server = StreamServer(tls_world.server)
    with (
        of(f"syslog+tls://localhost:{server.port}") as sink,
        pytest.raises(SinkError, match="CERT"),
    ):
        sink.deliver(LINES)
    server.close()
    assert server.received == b""


def test_over_tcp_a_server_that_hung_up_is_noticed_before_the_next_batch(server):
    with of(f"syslog+tcp://localhost:{server.port}#facility=local0,hostname=h") as sink:
        sink.deliver(LINES[:1])
        server.has(b"<134>1 ")
        server.hang_up()
        sink.deliver(LINES[1:])
        server.has(LINES[1])
    assert server.connections == 2


def test_a_server_that_is_away_is_an_error_that_passes(server):
    server.close()
    with of(f"syslog+tcp://127.0.0.1:{server.port}") as sink, pytest.raises(SinkError) as caught:
        sink.deliver(LINES)
    assert caught.value.retryable


def test_over_udp_each_message_is_a_datagram_and_a_large_one_is_told_of(monkeypatch):
    monkeypatch.setattr(syslog, "MOST_DATAGRAM", 1000)
    large, _ = chained([record(3, text="x" * 2000)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        with of(f"syslog+udp://127.0.0.1:{server.getsockname()[1]}#hostname=edge-host") as sink:
            sink.deliver([*LINES, *large])
        assert server.recv(65536) == HEADER + LINES[0]
        assert server.recv(65536) == DENIED + LINES[1]
        told = json.loads(server.recv(65536).partition(b" QUERY - ")[2])
    assert told == {
        **{name: record(3)[name] for name in ("id", "type", "time", "user", "service")},
        "seq": 1,
        "too_large": len(large[0]),
        "hash": json.loads(large[0])["hash"],
    }


def test_a_facility_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="no syslog facility"):
        SyslogSink.of(parse("syslog+tcp://localhost#facility=kern"))
