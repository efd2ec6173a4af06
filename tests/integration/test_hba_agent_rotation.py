"""A CA is replaced beside an agent: what the server really trusts is seen, and nobody is asked."""

import shutil

import pytest
from cryptography import x509

from pgward.hba.server import probe
from pgward.pki import crl, pem
from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.rotation import HOST
from tests.fixtures.tunnel_process import psql
from tests.fixtures.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.soak]


@pytest.fixture
def agent(rotating, tmp_path):
    made = HbaAgent(rotating.cluster, tmp_path / "agent.log")
    made.is_well()
    yield made
    made.close()


def works(conninfo: str) -> bool:
    try:
        return psql(conninfo, "select 1") == "1"
    except AssertionError:
        return False


def kept(rotating, tmp_path, name: str) -> str:
    """Keep the login certificate of now; return how to connect with it later."""
    current, directory = rotating.alice.home / "identity" / "current", tmp_path / name
    directory.mkdir()
    for each in ("login.crt", "login.key"):
        shutil.copy(current / each, directory / each)
    return rotating.native.replace(f"sslcert={current}", f"sslcert={directory}").replace(
        f"sslkey={current}", f"sslkey={directory}"
    )


def presented(cluster) -> bytes:
    """Return the key identifier of who issued the certificate that the server presents."""
    der = probe.presented("127.0.0.1", cluster.port)
    return crl.issuer_key_id(x509.load_der_x509_certificate(der))


def issuing(rotating, name: str) -> bytes:
    path = rotating.site.ca.directory / "certs" / f"{name}.crt"
    return crl.key_id(pem.split(path.read_bytes())[0])


def test_a_user_ca_is_replaced(rotating, agent, tmp_path):
    old = kept(rotating, tmp_path, "old")
    name = rotating.start("root", "user")
    rotating.ready(name)  # the agent has tried the server with a certificate of the new CA
    assert works(old)
    assert rotating.advance(name) == "issue-new"
    rotating.everyone_renews()
    new = rotating.native
    assert works(old)
    assert works(new)
    rotating.ready(name)
    assert rotating.advance(name) == "trust-new"
    rotating.ready(name)
    assert works(new)
    eventually(lambda: not works(old), what="the old CA is still trusted")
    assert rotating.advance(name) == "done"
    assert works(new)
    agent.is_well()


def test_a_server_ca_is_replaced(rotating, agent):
    before = issuing(rotating, "server-issuing")
    assert presented(rotating.cluster) == before
    name = rotating.start("root", "server")
    rotating.ready(name)
    assert presented(rotating.cluster) == before
    assert rotating.advance(name) == "issue-new"
    after = issuing(rotating, "server-issuing-2")
    eventually(lambda: presented(rotating.cluster) == after, what="the certificate is the old one")
    assert works(rotating.native)
    rotating.everyone_renews()
    rotating.ready(name)
    assert rotating.advance(name) == "trust-new"
    rotating.ready(name)
    assert works(rotating.native)
    assert rotating.advance(name) == "done"
    assert works(rotating.native)
    agent.is_well()


def test_a_server_that_does_not_take_what_is_new_is_reported(rotating, agent):
    """Its files are right, and it does not run on them: only a connection can tell."""
    rotating.cluster.stop()
    name = rotating.start("issuing", "user")
    agent.problem("material", "PostgreSQL does not run there")
    eventually(lambda: f"host:{HOST}" in rotating.lagging(name))
    rotating.cluster.start()
    rotating.ready(name)
    agent.is_well()
