import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.issuing import profiles
from pgward.ca.issuing.issuance import IssuanceQueue, Prepared
from pgward.ca.issuing.profiles import Contents
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CaName, CertificateRecord, Kind
from pgward.core.errors import ConflictError, DeniedError, UnavailableError
from pgward.pki import keys
from tests.fixtures.authority import START, MemoryStore

KEY = keys.generate()
THROW_AWAY = KeySigner(keys.generate())


@pytest.fixture
def prepare(hierarchies):
    """Prepare a certificate of ``serial``; ``signer`` can be another."""
    ca = hierarchies.user.issuing

    def unsigned(serial: int) -> x509.CertificateBuilder:
        end = ca.certificate.not_valid_after_utc
        subject = profiles.common_name("alice")
        contents = Contents(subject, KEY.public_key(), serial, START, end)
        return profiles.build(profiles.LOGIN, contents, ca.certificate)

    def make(serial: int, signer: Signer = ca.signer) -> Prepared:
        record = CertificateRecord(
            serial=serial,
            ca=CaName.USER_ISSUING,
            kind=Kind.PERSON,
            subject="alice",
            not_before=START,
            not_after=ca.certificate.not_valid_after_utc,
            key_sha256=keys.spki_sha256(KEY.public_key()),
        )
        linted = THROW_AWAY.sign_certificate(unsigned(serial))
        return Prepared(record, linted.tbs_certificate_bytes, signer, (ca.certificate,))

    return make


@dataclass
class Gate(MemoryStore):
    """A store whose first commit takes until the gate opens."""

    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    sizes: list[int] = field(default_factory=list)

    def reserve(self, records):
        refused = super().reserve(records)
        self.sizes.append(len(records))
        self.arrived.set()
        assert self.opened.wait(10)
        return refused


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def gated(gate):
    queue = IssuanceQueue(gate)
    yield queue
    gate.opened.set()
    queue.close()


def test_it_is_stored_then_signed_then_stored_again(issuance, memory_store, prepare, hierarchies):
    issued = issuance.submit(prepare(2**70)).result(10)
    ca = hierarchies.user.issuing.certificate
    issued.certificate.verify_directly_issued_by(ca)
    assert issued.chain == (ca,)
    assert issued.serial_hex == f"{2**70:x}"
    assert memory_store.log == ["reserve", "record"]


def test_who_comes_during_a_commit_goes_into_the_next_one_together(gate, gated, prepare):
    first = gated.submit(prepare(1))
    assert gate.arrived.wait(10)
    others = [gated.submit(prepare(serial)) for serial in range(2, 102)]
    gate.opened.set()
    done = wait([first, *others], 10)
    assert not done.not_done
    assert [each.result().certificate.serial_number for each in others] == list(range(2, 102))
    assert gate.sizes == [1, 64, 36]


def test_one_taken_serial_number_fails_its_own_request_only(gate, gated, prepare):
    first = gated.submit(prepare(1))
    assert gate.arrived.wait(10)
    again, other = gated.submit(prepare(1)), gated.submit(prepare(2))
    gate.opened.set()
    assert isinstance(again.exception(10), ConflictError)
    assert first.result(10).certificate.serial_number == 1
    assert other.result(10).certificate.serial_number == 2


def test_one_refused_record_fails_its_own_request_only(gate, gated, prepare):
    gate.refusals[2] = DeniedError("the login session ended")
    gated.submit(prepare(1))
    assert gate.arrived.wait(10)
    refused, other = gated.submit(prepare(2)), gated.submit(prepare(3))
    gate.opened.set()
    assert refused.exception(10) is gate.refusals[2]
    assert other.result(10).certificate.serial_number == 3
    assert sorted(gate.ders) == [1, 3]


class Failing:
    """A signer that fails, as a device that is unplugged."""

    public_key = KEY.public_key()

    def sign_bytes(self, _data):
        raise UnavailableError("the device is away")


def test_one_failing_signature_fails_its_own_request_only(gate, gated, prepare):
    gated.submit(prepare(1))
    assert gate.arrived.wait(10)
    failed, other = gated.submit(prepare(2, Failing())), gated.submit(prepare(3))
    gate.opened.set()
    with pytest.raises(UnavailableError, match="the device is away"):
        failed.result(10)
    assert other.result(10).certificate.serial_number == 3
    assert sorted(gate.ders) == [1, 3]


def test_the_very_bytes_that_were_linted_are_signed(issuance, memory_store, prepare, hierarchies):
    prepared = prepare(2**70)
    issued = issuance.submit(prepared).result(10)
    assert issued.certificate.tbs_certificate_bytes == prepared.tbs
    issued.certificate.verify_directly_issued_by(hierarchies.user.issuing.certificate)
    assert memory_store.ders == {2**70: issued.certificate.public_bytes(Encoding.DER)}


@pytest.mark.parametrize("method", ["reserve", "record"])
def test_a_store_that_is_away_fails_all_of_them_and_the_next_ones_are_served(
    issuance, memory_store, prepare, monkeypatch, method
):
    away = UnavailableError("the store is away")

    def refuse(_batch):
        raise away

    with monkeypatch.context() as patched:
        patched.setattr(memory_store, method, refuse)
        assert issuance.submit(prepare(1)).exception(10) is away
    assert issuance.submit(prepare(2)).result(10).certificate.serial_number == 2


def test_closed_it_ends_what_is_under_way_and_refuses_the_rest(gate, gated, prepare):
    first: Future = gated.submit(prepare(1))
    gate.opened.set()
    gated.close()
    assert first.result(10).certificate.serial_number == 1
    with pytest.raises(UnavailableError, match="stopping"):
        gated.submit(prepare(2))
