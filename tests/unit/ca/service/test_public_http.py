import asyncio
import socket
from contextlib import closing
from dataclasses import replace

import httpx2
import pytest

from pgward.ca.http import listener
from pgward.ca.limiting.limits import Limits
from pgward.ca.service import public_http
from pgward.ca.service.public_http import PublicServer
from pgward.ca.settings import LimitSettings
from pgward.core.address import Address
from pgward.core.errors import ConflictError
from tests.fixtures.in_process import InProcess


@pytest.fixture
def context(app):
    return app.state.context


def test_it_serves_what_anyone_may_read_and_nothing_else(context):
    with InProcess(public_http.create_app(context)) as client:
        found = {
            path: client.get(path).status_code
            for path in (
                *("/crls", "/crls/user-root.crl", "/crls/user-root.pem"),
                *("/certs/user-root.crt", "/certs/user-root.pem", "/ocsp/AAAA"),
                *("/v1/crls", "/v1/trust", "/v1/users", "/v1/health", "/openapi.json", "/docs"),
            )
        }
    assert {path for path, status in found.items() if status == 200} == {
        *("/crls", "/crls/user-root.crl", "/crls/user-root.pem"),
        *("/certs/user-root.crt", "/certs/user-root.pem", "/ocsp/AAAA"),
    }
    assert set(found.values()) == {200, 404}


def test_it_serves_plain_http_until_it_is_cancelled(context):
    async def run():
        with closing(listener.bind(Address("127.0.0.1", 0))) as listening:
            server = PublicServer(context, listening)
            task = asyncio.create_task(server.serve_beside())
            await server.ready.wait()
            url = f"http://{listener.bound_address(listening)}"
            async with httpx2.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{url}/crls/server-issuing.crl")
            assert answer.content == context.authority.crl("server-issuing").der
            with socket.create_connection(listening.getsockname()[:2]):
                task.cancel()  # with a connection that says nothing
                await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)

    asyncio.run(run())


def test_it_counts_with_the_same_limits_and_believes_the_same_balancers(context):
    settings = context.authority.settings
    context.authority.settings = replace(
        settings, listen=replace(settings.listen, forwarded_for_from=("192.0.2.1",))
    )
    limits = Limits(LimitSettings(address_per_second=1))
    app = public_http.create_app(replace(context, limits=limits))
    found = []
    with InProcess(app, client=("192.0.2.1", 1)) as client:
        for address in ["10.0.0.1"] * 21 + ["10.0.0.2"]:
            answer = client.get("/crls", headers={"X-Forwarded-For": address})
            found.append(answer.status_code)
    assert found == [200] * 20 + [429, 200]


def test_no_address_is_no_listener():
    with public_http.bind("") as listening:
        assert listening is None


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=f"port {port} is taken"):
            public_http.bind(f"127.0.0.1:{port}")
