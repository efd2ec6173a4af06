import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.client.duties import (
    SERVER_NAME,
    Duties,
    Order,
    Orders,
    Part,
    Probe,
    ProbeError,
    check_presented,
    check_trust,
)
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.pki import crl, pem
from tests.fixtures.links import pem as pem_of

ORDER = Order("user-issuing-2", "trust-both", "client-probe", b"\1\2")


class FakeMachine:
    """Answers by path, and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def call(self, method, path, fields):
        self.asked.append((method, path, dict(fields)))
        answer = self.answers[path.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reported(self):
        return [fields for _, path, fields in self.asked if path.endswith("reports")]


def server_probe(tls_keys, **options):
    san = x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)])
    options = {"extra": ((san, False),), "eku": (ExtendedKeyUsageOID.SERVER_AUTH,)} | options
    certificate, key = tls_keys.issue(tls_keys.servers, "pgward/probe", **options)
    return Probe(key.read_bytes() + certificate.read_bytes())


def test_orders_are_asked_for_each_part():
    order = {"rotation": "r", "phase": "p", "need": "take", "issuer": "0102"}
    machine = FakeMachine(orders={"renew": True, "orders": [order]})
    assert Duties(machine, Part(3, 4)).ask() == Orders(True, (Order("r", "p", "take", b"\1\2"),))
    assert machine.asked == [("GET", "/v1/machine/orders", {"part": 3})]


def test_a_ca_that_knows_no_rotations_asks_nothing():
    machine = FakeMachine(orders=NotFoundError("no such path"))
    assert Duties(machine).ask() == Orders(False, ())


def test_what_was_shown_is_reported():
    machine = FakeMachine(reports={"counted": True})
    shown = []
    assert Duties(machine, Part(1, 2)).carry_out(ORDER, shown.append) is None
    assert shown == [ORDER]
    assert machine.reported() == [
        {
            "rotation": "user-issuing-2",
            "phase": "trust-both",
            "part": 1,
            "parts": 2,
            "ok": True,
            "message": "",
        }
    ]


def test_what_is_not_so_is_reported_too():
    def show(_):
        raise ProbeError("unknown ca")

    machine = FakeMachine(reports={"counted": True})
    assert Duties(machine).carry_out(ORDER, show) == "unknown ca"
    assert [(each["ok"], each["message"]) for each in machine.reported()] == [(False, "unknown ca")]


def test_a_probe_comes_with_its_chain_and_a_key_of_ours(tls_keys):
    text = pem_of(tls_keys.users)
    machine = FakeMachine(probes={"certificate": text, "chain": [text]})
    probe = Duties(machine).probe(ORDER)
    assert probe.text.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert len(pem.split(probe.text[probe.text.index(b"-----BEGIN CERT") :])) == 2
    ((_, path, fields),) = machine.asked
    assert (path, fields["rotation"]) == ("/v1/machine/probes", "user-issuing-2")
    with probe.file() as path:
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_a_probe_that_cannot_be_read_is_the_cas_fault():
    with pytest.raises(UnavailableError, match="cannot be read"):
        Duties(FakeMachine(probes={"certificate": "x", "chain": []})).probe(ORDER)


def test_whoever_has_the_root_trusts_a_server(tls_keys):
    check_trust(server_probe(tls_keys), pem_of(tls_keys.servers))
    check_trust(server_probe(tls_keys), pem_of(tls_keys.users) + pem_of(tls_keys.servers))


def test_whoever_has_another_root_does_not(tls_keys):
    with pytest.raises(ProbeError, match="does not trust servers of the new CA: unable to get"):
        check_trust(server_probe(tls_keys), pem_of(tls_keys.users))


def test_a_server_of_another_name_or_purpose_is_not_trusted(tls_keys):
    other = x509.SubjectAlternativeName([x509.DNSName("e1.test")])
    for options in (
        {"extra": ((other, False),)},
        {"eku": (ExtendedKeyUsageOID.CLIENT_AUTH,)},
    ):
        with pytest.raises(ProbeError, match="does not trust servers"):
            check_trust(server_probe(tls_keys, **options), pem_of(tls_keys.servers))


def test_a_server_order_is_tried_with_the_roots_on_disk(tls_keys, tmp_path):
    machine = FakeMachine(reports={"counted": True})
    machine.paths = type("Paths", (), {"ca": tmp_path / "ca.crt"})
    machine.paths.ca.write_text(pem_of(tls_keys.servers))
    duties = Duties(machine)
    duties.probe = lambda _: server_probe(tls_keys)
    order = Order("server-root-2", "trust-both", "server-probe", b"")
    assert duties.carry_out(order, lambda _: None) is None
    machine.paths.ca.write_text(pem_of(tls_keys.users))
    assert "does not trust servers" in duties.carry_out(order, lambda _: None)
    assert [each["ok"] for each in machine.reported()] == [True, False]


def test_what_a_listener_presents(tls_keys):
    certificate, _ = tls_keys.edge()
    der = pem.split(certificate.read_bytes())[0].public_bytes(Encoding.DER)
    order = Order("r", "issue-new", "present", crl.key_id(tls_keys.servers.certificate))
    check_presented(der, order)
    with pytest.raises(ProbeError, match="still presents a certificate of CN=server root"):
        check_presented(der, ORDER)
