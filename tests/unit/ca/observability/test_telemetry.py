import asyncio
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from pgward.ca import observe
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.observability import telemetry
from pgward.ca.settings import ListenSettings, LogSettings
from pgward.core.errors import ConflictError, InvalidInputError


@pytest.fixture
def watching(sql_authority, store):
    """Watch as settings say."""

    def watch(*, metrics="", traces="none"):
        sql_authority.settings = replace(
            sql_authority.settings,
            listen=ListenSettings(metrics=metrics),
            logging=LogSettings(traces=traces),
        )
        return telemetry.observing(sql_authority, store, ApiCertificate(sql_authority))

    return watch


async def scrape(observing):
    async with observing.serving(), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(
            observing.address.host, observing.address.port
        )
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        answer = await reader.read()
        writer.close()
    return answer.decode()


def test_metrics_are_served_where_the_settings_say(watching):
    with watching(metrics="127.0.0.1:0") as observing:
        observing.watch_connections([1, 2])
        observe.event("issued", kind="edge")
        answer = asyncio.run(scrape(observing))
    assert "pgward_ca_connections_waiting 2.0" in answer
    assert 'pgward_ca_certificates_issued_total{kind="edge"} 1.0' in answer
    assert "pgward_ca_store_up 1.0" in answer
    assert observe._observers == ()


def test_without_metrics_nothing_listens_and_nobody_watches(watching):
    with watching() as observing:
        observing.watch_connections([])
        assert (observing.address, observe._observers) == (None, ())

        async def serve():
            async with observing.serving():
                pass

        asyncio.run(serve())


def test_a_taken_port_says_where_to_change_it(watching):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConflictError, match=r"^metrics: port .* is taken") as caught:
            watching(metrics=where).__enter__()
    assert caught.value.hint.startswith("give another --metrics")


def test_traces_without_their_libraries_are_told(watching, monkeypatch):
    monkeypatch.setitem(sys.modules, "pgward.ca.observability.tracing", None)
    with pytest.raises(InvalidInputError, match="libraries are not installed") as caught:
        watching(traces="otlp").__enter__()
    assert caught.value.hint == "pip install 'pgward[otel]'"


def test_traces_are_watched_and_closed(watching):
    with watching(traces="otlp"):
        assert len(observe._observers) == 1
    assert observe._observers == ()


def test_what_serves_imports_no_tracing():
    code = (
        "import sys; import pgward.ca.serve;"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
