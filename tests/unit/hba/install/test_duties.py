import pytest

from pgward.client.duties import Order, Probe, ProbeError
from pgward.core.errors import UnavailableError
from pgward.hba.install.duties import HostDuties, attempt
from pgward.hba.server import probe
from pgward.hba.server.datadir import Running
from pgward.pki import crl

RUNNING = Running(1, 5432, "/run", "127.0.0.1")


class FakeDuties:
    """Gives a probe, and says what was found."""

    def probe(self, _):
        return Probe(b"a key and a chain")

    def carry_out(self, order, show):
        try:
            show(order)
        except ProbeError as error:
            return error.message
        return None


@pytest.fixture
def host():
    def run(*needs, running=RUNNING, issuer=b""):
        duties = HostDuties(None, lambda: running)
        duties._duties = FakeDuties()
        return duties.run([Order("r", "p", need, issuer) for need in needs])

    return run


def test_a_client_is_tried_on_the_running_server(host, monkeypatch):
    seen = []

    def connect(address, port, path, **_):
        seen.append((address, port, path.read_bytes()))

    monkeypatch.setattr(probe, "with_certificate", connect)
    assert host("client-probe", "take") == []
    assert seen == [("127.0.0.1", 5432, b"a key and a chain")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            probe.NotTrustedError("unknown ca"),
            "PostgreSQL does not accept certificates of the new CA: unknown ca",
        ),
        (UnavailableError("it does not speak TLS"), "it does not speak TLS"),
    ],
)
def test_why_a_client_is_not_let_in(host, monkeypatch, error, told):
    def connect(*_, **__):
        raise error

    monkeypatch.setattr(probe, "with_certificate", connect)
    assert host("client-probe") == [told]


@pytest.mark.parametrize(
    ("running", "told"),
    [
        (None, "PostgreSQL does not run there, so it cannot be tried"),
        (
            Running(1, 5432, "/run", None),
            "PostgreSQL listens on no TCP port there, so it cannot be tried",
        ),
    ],
)
def test_a_server_that_cannot_be_tried(host, running, told):
    assert host("client-probe", running=running) == [told]
    assert host("present", running=running) == [told]


def test_the_certificate_that_the_server_presents(host, monkeypatch, small_ca):
    material = small_ca.current()
    monkeypatch.setattr(probe, "presented", lambda *_, **__: material.der)
    issuer = crl.key_id(small_ca.servers.issuing.certificate)
    assert host("present", issuer=issuer) == []
    (problem,) = host("present", issuer=b"\0")
    assert "still presents a certificate of CN=server issuing" in problem


def test_what_fails_undoes_nothing():
    def fail():
        raise UnavailableError("the CA is away")

    assert attempt(fail) == ["the CA is away"]
    assert attempt(list) == []
