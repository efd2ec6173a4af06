import json
from base64 import urlsafe_b64encode
from datetime import timedelta

import httpx2
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.client.machine import Machine
from pgward.core.errors import UnavailableError
from pgward.pki import keys
from pgward.pki.snapshot_parts import NO_TAG
from pgward.tunnel.edge.kept import Answer
from pgward.tunnel.edge.source import CaSource, certificate, domains
from tests.fixtures.fake_ca import URL


@pytest.fixture
def machine(fake_ca, tmp_path):
    fields = {"url": URL, "fingerprint": fake_ca.fingerprint, "secret": "s"}
    token = "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).decode()
    made = Machine.enroll(tmp_path, token, advertise="e.test:1", clock=fake_ca.clock)
    fake_ca.requests.clear()
    yield made
    made.close()


@pytest.fixture
def source(machine):
    return CaSource(machine)


def test_a_source_knows_its_edge_and_whom_to_trust(source, fake_ca):
    assert source.name == "e1"
    assert source.roots() == [fake_ca.root]


def test_a_snapshot_is_asked_for_after_the_one_that_is_there(source, fake_ca):
    fake_ca.routes["GET /v1/edge/snapshot"] = {"snapshot": "a.b.c"}
    assert source.snapshot(41, 20, NO_TAG) == Answer("a.b.c")
    asked = {"after": "41", "wait": "20", "tag": NO_TAG}
    assert dict(fake_ca.requests[-1].url.params) == asked


def test_parts_come_beside_it(source, fake_ca):
    fake_ca.routes["GET /v1/edge/snapshot"] = {"snapshot": "a.b.c", "parts": {"digest": "text"}}
    assert source.snapshot(41, 20, "ab" * 16) == Answer("a.b.c", {"digest": "text"})


def test_nothing_newer_is_none(source, fake_ca):
    fake_ca.routes["GET /v1/edge/snapshot"] = httpx2.Response(204)
    assert source.snapshot(41, 0, NO_TAG) is None


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(source, fake_ca, machine):
    before = certificate(machine)
    fake_ca.clock.advance(minutes=39, seconds=59)
    assert source.renew_if_due() is False
    assert fake_ca.calls == []
    fake_ca.clock.advance(seconds=1)
    assert source.renew_if_due() is True
    assert "POST /v1/machine/renew" in fake_ca.calls
    assert certificate(machine).serial_number != before.serial_number
    assert source.renew_if_due() is False


def test_a_certificate_that_has_ended_is_due_too(source, fake_ca):
    fake_ca.clock.advance(hours=2)
    assert source.renew_if_due() is True


def test_a_renewal_that_fails_is_due_again(source, fake_ca, machine):
    before = certificate(machine)
    route = fake_ca.routes.pop("POST /v1/machine/renew")
    fake_ca.routes["POST /v1/machine/renew"] = httpx2.ConnectError("away")
    fake_ca.clock.advance(minutes=50)
    with pytest.raises(UnavailableError):
        source.renew_if_due()
    assert certificate(machine) == before
    fake_ca.routes["POST /v1/machine/renew"] = route
    assert source.renew_if_due() is True


def test_what_another_worker_renewed_is_taken(source, fake_ca, machine):
    fake_ca.clock.advance(minutes=50)
    other = Machine.load(machine.directory, clock=fake_ca.clock)
    assert CaSource(other).renew_if_due() is True
    renewals = fake_ca.calls.count("POST /v1/machine/renew")
    assert source.renew_if_due() is True
    assert machine.leaf == other.leaf
    assert source.renew_if_due() is False
    assert fake_ca.calls.count("POST /v1/machine/renew") == renewals == 1
    other.close()


SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


def leaf(hierarchy, *names: x509.GeneralName) -> x509.Certificate:
    extra = ((x509.SubjectAlternativeName(names), False),) if names else ()
    return hierarchy.issuing.issue("e1", keys.generate(), SERVER, extra=extra)


def test_the_domains_of_an_edge_are_its_wildcards(hierarchy):
    names = ("e1.test", "*.E1.Test", "*.db.example", "orders.e1.test")
    assert domains(leaf(hierarchy, *map(x509.DNSName, names))) == ("e1.test", "db.example")


def test_a_certificate_without_names_has_no_domains(hierarchy):
    assert domains(leaf(hierarchy)) == ()


def test_the_third_counts_the_whole_life(fake_ca, machine):
    fake_ca.life = timedelta(days=30)
    source = CaSource(machine)
    fake_ca.clock.advance(minutes=40)
    assert source.renew_if_due() is True
    fake_ca.clock.advance(days=19)
    assert source.renew_if_due() is False
