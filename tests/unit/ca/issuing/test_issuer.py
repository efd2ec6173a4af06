from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import caller
from pgward.ca.issuing import proofs
from pgward.ca.issuing.issuer import Issuer
from pgward.ca.issuing.rules import NO_RULES, Rules
from pgward.ca.records import CaName, CertificateRecord, Kind
from pgward.core.errors import ConflictError, InvalidInputError, UnavailableError
from pgward.pki import chain, csr, keys
from pgward.pki.errors import BadRequestError
from tests.fixtures.authority import START

KEY = keys.generate()
REQUEST = csr.make(KEY, common_name="administrator")


@pytest.fixture
def users(hierarchies, issuance, clock):
    return Issuer(hierarchies.user.issuing, issuance, clock)


@pytest.fixture
def servers(hierarchies, issuance, clock):
    return Issuer(hierarchies.server.issuing, issuance, clock)


def login(users, *, user="alice", until=timedelta(hours=1), request=REQUEST):
    return users.begin_login(
        request, user=user, not_after=START + until, session_id="s1", rules=NO_RULES
    ).result()


def test_names_come_from_the_directory_and_never_from_the_request(users):
    subject = login(users).certificate.subject
    assert subject.rfc4514_string() == "CN=alice"


def test_it_is_backdated_and_ends_as_asked(users):
    certificate = login(users).certificate
    assert certificate.not_valid_before_utc == START - timedelta(seconds=60)
    assert certificate.not_valid_after_utc == START + timedelta(hours=1)


def test_it_is_recorded_before_it_is_signed(users, memory_store):
    issued = login(users)
    serial = issued.certificate.serial_number
    expected = CertificateRecord(
        serial=serial,
        ca=CaName.USER_ISSUING,
        kind=Kind.PERSON,
        subject="alice",
        not_before=START - timedelta(seconds=60),
        not_after=START + timedelta(hours=1),
        key_sha256=keys.spki_sha256(KEY.public_key()),
        session_id="s1",
    )
    assert memory_store.records == {serial: expected}
    assert memory_store.log == ["reserve", "record"]
    assert x509.load_der_x509_certificate(memory_store.ders[serial]) == issued.certificate
    assert issued.serial_hex == expected.serial_hex == f"{serial:x}"


@dataclass
class Failing:
    """A signer that fails, as a device that is unplugged."""

    certificate: x509.Certificate

    @property
    def public_key(self):
        return self.certificate.public_key()

    def sign_bytes(self, _data):
        raise UnavailableError("the device is away")


def test_a_failing_signer_leaves_the_reservation(hierarchies, issuance, memory_store, clock):
    ca = replace(hierarchies.user.issuing, signer=Failing(hierarchies.user.issuing.certificate))
    with pytest.raises(UnavailableError):
        login(Issuer(ca, issuance, clock))
    assert memory_store.log == ["reserve"]


def test_a_serial_number_is_never_used_twice(hierarchies, issuance, memory_store, clock):
    users = Issuer(hierarchies.user.issuing, issuance, clock, random=bytes)
    login(users)
    with pytest.raises(ConflictError):
        login(users)
    assert len(memory_store.ders) == 1


def test_nothing_is_stored_or_signed_for_a_bad_request(users, memory_store):
    with pytest.raises(BadRequestError):
        login(users, request=b"junk")
    with pytest.raises(InvalidInputError):
        login(users, user="alice,admin")
    assert memory_store.log == []


@pytest.mark.parametrize("left", [timedelta(seconds=-1), timedelta(seconds=29)])
def test_too_little_time_left_is_refused(users, memory_store, left):
    with pytest.raises(InvalidInputError, match="too little time"):
        login(users, until=left)
    assert memory_store.log == []


def test_a_profile_limits_the_lifetime(users):
    certificate = login(users, until=timedelta(days=30)).certificate
    assert certificate.not_valid_after_utc == START + timedelta(hours=24)


def test_a_leaf_never_outlives_its_issuer(servers, hierarchies, clock):
    end = hierarchies.server.issuing.certificate.not_valid_after_utc
    clock.moment = end - timedelta(hours=1)
    certificate = servers.issue_server(
        REQUEST, kind=Kind.HOST, name="db1", dns=["db1"], not_after=end + timedelta(days=30)
    ).certificate
    assert certificate.not_valid_after_utc == end


@pytest.mark.parametrize("off", [timedelta(seconds=-20), timedelta(days=1)])
def test_an_expired_issuer_issues_nothing(users, hierarchies, clock, memory_store, off):
    clock.moment = hierarchies.user.issuing.certificate.not_valid_after_utc + off
    with pytest.raises(UnavailableError, match="user-issuing CA ended at "):
        users.begin_login(
            REQUEST,
            user="alice",
            not_after=clock.now() + timedelta(hours=1),
            session_id="s",
            rules=NO_RULES,
        ).result()
    assert memory_store.log == []


def test_a_clock_before_the_issuer_began_issues_nothing(users, clock):
    clock.move(days=-1)
    with pytest.raises(UnavailableError, match="user-issuing CA is valid only from ") as caught:
        login(users)
    assert caught.value.message.endswith(" on, and it is 2026-11-20T12:00:00Z here")
    assert caught.value.hint == "check the clock of the CA's machine"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_other_kinds_of_key(users, key):
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(key, digest).public_bytes(Encoding.PEM)
    assert login(users, request=request).certificate.public_key() == key.public_key()


def test_a_server_certificate_records_its_names(servers, memory_store):
    servers.issue_server(
        REQUEST,
        kind=Kind.EDGE,
        name="e1",
        dns=["E1.example.com"],
        ips=["::1"],
        not_after=START + timedelta(days=1),
    )
    (record,) = memory_store.records.values()
    assert (record.kind, record.subject) == (Kind.EDGE, "e1")
    assert (record.dns, record.ips) == (("e1.example.com",), ("::1",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dns": []}, "no DNS name and no IP address"),
        ({"kind": Kind.PERSON}, "a person gets no server certificate"),
        ({"name": "E1"}, "cannot be a machine's name"),
        ({"dns": ["a_b"]}, "not a DNS name"),
        ({"dns": [], "ips": ["10.0.0"]}, "not an IP address"),
    ],
)
def test_bad_server_names_are_refused(servers, memory_store, changes, message):
    asked = {"kind": Kind.EDGE, "name": "e1", "dns": ["e1"]} | changes
    with pytest.raises(InvalidInputError, match=message):
        servers.issue_server(REQUEST, not_after=START + timedelta(days=1), **asked)
    assert memory_store.log == []


def test_a_proof_bears_a_reserved_name_and_nobody_else_does(users, memory_store):
    span = {"not_before": START - timedelta(seconds=50), "end": START - timedelta(seconds=9)}
    name = "pgward_prove_0011"
    made = users.issue_proof(REQUEST, proofs.PROFILE, subject=name, **span).certificate
    assert made.subject.rfc4514_string() == f"CN={name}"
    assert made.not_valid_after_utc == START - timedelta(seconds=9)
    assert memory_store.records[made.serial_number].kind is Kind.PROBE
    with pytest.raises(InvalidInputError, match="no name of a proof"):
        users.issue_proof(REQUEST, proofs.PROFILE, subject="alice", **span)
    with pytest.raises(InvalidInputError, match="is reserved"):
        login(users, user=name)


def test_a_connectors_account_has_a_name_that_may_stand_in_a_map(users, memory_store):
    end = START + timedelta(hours=1)
    issued = users.issue_account(REQUEST, name="pgward_connector", not_after=end)
    assert issued.certificate.subject.rfc4514_string() == "CN=pgward_connector"
    assert chain.is_minted(issued.certificate)
    (record,) = memory_store.records.values()
    assert (record.kind, record.session_id) == (Kind.ACCOUNT, None)
    with pytest.raises(InvalidInputError):
        users.issue_account(REQUEST, name="a b", not_after=end)


def test_what_is_minted_for_an_edge_is_in_a_persons_name_marked_and_short(users, memory_store):
    rules = Rules(extra_purposes=("1.3.6.1.5.2.3.4",))
    end = START + timedelta(hours=1)
    issued = users.begin_minted(
        REQUEST, user="alice", not_after=end, session_id="s1", rules=rules
    ).result()
    certificate = issued.certificate
    assert certificate.subject.rfc4514_string() == "CN=alice"
    assert certificate.not_valid_after_utc == START + timedelta(minutes=15)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [
        chain.CLIENT_AUTH,
        chain.MINTED,
        x509.ObjectIdentifier("1.3.6.1.5.2.3.4"),
    ]
    (record,) = memory_store.records.values()
    assert (record.kind, record.session_id) == (Kind.MINTED, "s1")
    with pytest.raises(InvalidInputError):
        users.begin_minted(
            REQUEST, user="pgward_prove_x", not_after=end, session_id="s1", rules=NO_RULES
        )


@pytest.mark.parametrize(
    ("client", "browser"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("testclient", None),
        (None, None),
    ],
)
def test_the_web_clients_says_for_whom_it_is_and_where_that_person_is(
    users, memory_store, client, browser
):
    token = caller.client.set(client)
    try:
        end = START + timedelta(hours=1)
        issued = users.begin_web(
            REQUEST, user="alice", not_after=end, session_id="s1", rules=NO_RULES
        ).result()
    finally:
        caller.client.reset(token)
    certificate = issued.certificate
    assert certificate.subject.rfc4514_string() == "CN=alice"
    assert certificate.not_valid_after_utc == START + timedelta(minutes=15)
    assert chain.is_web(certificate)
    assert chain.browser_of(certificate) == browser
    (record,) = memory_store.records.values()
    assert (record.kind, record.session_id) == (Kind.PERSON, "s1")
    assert (record.client, record.ips) == (client, () if browser is None else (browser,))
