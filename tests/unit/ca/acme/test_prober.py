import asyncio
from dataclasses import replace

import pytest

from pgward.ca.acme import validator
from pgward.ca.acme.prober import NetworkProber
from pgward.ca.acme.problems import AcmeError
from tests.fixtures.responders import http_files, http_responder, tls_responder


@pytest.fixture
def job(acme):
    """A function that answers a challenge and returns the job of it."""

    def begin(kind):
        client = acme.client()
        (url,) = client.order("db1.test").json()["authorizations"]
        client.post(client.challenge(client.post(url).json(), kind)["url"], {})
        return validator.take(acme.service.office)[0]

    return begin


def _probe(acme, job, **changes):
    office = acme.service.office
    changes = {"refuse_networks": (), "addresses": ("db1.test=127.0.0.1",)} | changes
    settings = replace(office.settings, **changes)
    office.authority.settings = replace(office.authority.settings, acme=settings)
    asyncio.run(NetworkProber(office)(job))


def test_http_01_over_the_network(acme, job):
    found = job("http-01")
    with http_responder(http_files({found.challenge.token: found.key_authorization})) as server:
        _probe(acme, found, http_port=server.port)


def test_tls_alpn_01_over_the_network(acme, job):
    found = job("tls-alpn-01")
    with tls_responder({"db1.test": found.key_authorization}) as server:
        _probe(acme, found, tls_port=server.port)


def test_loopback_is_refused_from_the_start(acme, job):
    found = job("http-01")
    refused = type(acme.service.office.settings)().refuse_networks
    with (
        http_responder(http_files({found.challenge.token: found.key_authorization})) as server,
        pytest.raises(AcmeError, match="not connected to"),
    ):
        _probe(acme, found, http_port=server.port, refuse_networks=refused)
    assert server.asked == []


def test_a_redirect_may_lead_where_the_account_may(acme, job):
    found = job("http-01")

    def answer(handler):
        if handler.headers["Host"].startswith("db1.test"):
            where = f"http://web.db.test:{handler.server.port}/x"
            handler.reply(302, Location=where)
        else:
            handler.reply(200, found.key_authorization.encode())

    addresses = ("db1.test=127.0.0.1", "web.db.test=127.0.0.1")
    with http_responder(answer) as server:
        _probe(acme, found, http_port=server.port, addresses=addresses)
    assert len(server.asked) == 2
