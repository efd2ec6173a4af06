"""Who an edge turns away, what that person sees, and what the CA's audit has of it."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.ca.keys import passphrase
from pgward.ca.settings import Settings
from pgward.client.home import Home
from pgward.pki import keys, pem
from tests.fixtures.edge_process import eventually
from tests.fixtures.pki import TestCa
from tests.fixtures.tunnel_process import run_client

pytestmark = pytest.mark.integration
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
DENIED = (
    "pgward: the service does not exist or is not open to you\n"
    "hint: pgward services shows what is; an administrator can allow you\n"
)


@pytest.fixture(scope="module")
def issuing(stack) -> TestCa:
    """The CA's own issuing CA for people, with its key."""
    directory = stack.site.ca.directory
    secret = passphrase.find(Settings.load(directory).keys.passphrase_file, directory)
    certificate = pem.split((directory / "certs" / "user-issuing.crt").read_bytes())[0]
    key = keys.from_pem((directory / "keys" / "user-issuing.key").read_bytes(), secret)
    return TestCa(certificate, key)


@pytest.fixture
def holder(stack, issuing):
    """Somebody with another certificate in the place of their own, and a service of theirs."""

    def make(*, ca: TestCa = issuing, eku=CLIENT, hours: float = 1, name: str | None = None):
        person = stack.person()
        service = stack.service(person)
        install(person, ca, eku, datetime.now(UTC) + timedelta(hours=hours), name)
        return person, service

    return make


@pytest.fixture
def present(holder):
    """Run `pgward connect` as such a holder."""

    def run(**certificate):
        person, service = holder(**certificate)
        return person, person.run("connect", service)

    return run


def install(person, ca: TestCa, eku, end: datetime, name: str | None = None) -> None:
    key = keys.generate()
    start = min(end, datetime.now(UTC)) - timedelta(hours=1)
    leaf = ca.issue(name or person.name, key, eku, start=start, end=end)
    paths = Home(person.home).paths
    paths.cert.write_bytes(pem.join([leaf, ca.certificate]))
    paths.key.write_bytes(keys.to_pem(key, None))


def audited(stack, reason: str, **wanted) -> dict:
    """Wait until the CA has heard of a refusal, and return it."""

    def found():
        events = stack.audit(action="session.open", outcome="denied", **wanted)
        return [event for event in events if reason in (event["reason"] or "")]

    return eventually(found, what=f"the CA never heard of {reason!r}")[-1]


def lets_in_with_another_certificate(stack, person, service, refusal: str) -> None:
    """The edge refuses what there is, and the tunnel gets another one in its login session."""
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"
    audited(stack, refusal)


def test_an_expired_certificate(stack, holder):
    person, service = holder(hours=-0.5)
    lets_in_with_another_certificate(stack, person, service, "certificate has expired")


def test_a_strangers_ca(stack, holder):
    person, service = holder(ca=TestCa.root("stranger"))
    said = "TLS: self-signed certificate in certificate chain"
    lets_in_with_another_certificate(stack, person, service, said)


@pytest.mark.soak
def test_a_strangers_ca_where_no_other_certificate_is_to_be_had(own_stack):
    person = own_stack.person()
    service = own_stack.service(person)
    with own_stack.tunnel(person, service):
        pass
    install(person, TestCa.root("stranger"), CLIENT, datetime.now(UTC) + timedelta(hours=1))
    own_stack.site.ca.kill()
    done = person.run("connect", service)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "pgward: the edge does not know the CA of your certificate\n" in done.stderr
    assert done.stderr.endswith("\nhint: pgward login, at the CA of this edge\n")


@pytest.mark.soak
def test_a_certificate_for_servers(stack, present):
    _, done = present(eku=SERVER)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith("pgward: that certificate is no login certificate\n")
    audited(stack, "TLS: unsuitable certificate purpose")


@pytest.mark.soak
def test_a_certificate_that_the_ca_never_issued_to_this_name(stack, present):
    """The name counts that stands in the certificate, and the service is not for it."""
    _, done = present(name="mallory")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", DENIED)
    event = audited(stack, "does not exist or is not open to you", actor="mallory")
    assert event["details"]["code"] == "denied"


def test_no_certificate(stack):
    person = stack.person()
    paths = Home(person.home).paths
    name = f"{stack.edge.directory.name}.test"
    info = psycopg.conninfo.make_conninfo(
        host=name,
        hostaddr="127.0.0.1",
        port=stack.edge.port,
        user=person.name,
        sslmode="verify-full",
        sslrootcert=paths.ca,
    )
    done = run_client("psql", "-d", info, "-c", "select 1")
    assert done.returncode == 2
    # In words, where the edge has services to which other proofs lead as well.
    told = "this edge wants a login certificate"
    if told not in done.stderr:
        assert "certificate required" in done.stderr
        told = "TLS: PEER_DID_NOT_RETURN_A_CERTIFICATE"
    audited(stack, told, actor="unknown")


def test_a_revoked_certificate(stack):
    person = stack.person()
    service = stack.service(person)
    serial = person.data("whoami")["certificate"]["serial"]
    stack.site.admin.ok("ca", "revoke", serial)
    eventually(lambda: serial_is_revoked(stack.edge, serial))
    lets_in_with_another_certificate(stack, person, service, "your certificate is revoked")
    event = audited(stack, "your certificate is revoked", actor=person.name)
    assert event["details"]["code"] == "revoked"
    assert event["client"].startswith("127.0.0.1:")


def test_a_service_that_is_not_there_and_one_that_is_not_for_you(stack):
    """The CA says it first; an edge that is asked all the same says it alike of both."""
    person, other = stack.person(), stack.person()
    theirs = stack.service(other)
    answers = {person.run("connect", name).stderr.replace(name, "X") for name in (theirs, "none")}
    assert answers == {
        "pgward: there is no service 'X' for you\nhint: pgward services lists those you may use\n"
    }


def test_a_blocked_person(stack):
    person = stack.person()
    service = stack.service(person, sslMode="disable")
    with stack.tunnel(person, service) as tunnel:
        stack.site.admin.ok("user", "block", person.name, "--reason", "left")
        tunnel.says("your account is blocked")
        assert "FATAL:  pgward: your account is blocked" in tunnel.refused()
    done = person.run("connect", service)
    assert done.returncode in (3, 4)
    assert done.stderr.startswith("pgward: ")


def test_limits_per_person_and_in_total(stack):
    one, two = stack.person("dba"), stack.person("dba")
    limits = {"maxConnections": 3, "maxConnectionsPerUser": 2}
    service = stack.service(groups=("dba",), limits=limits, sslMode="disable")
    with (
        stack.tunnel(one, service) as first,
        stack.tunnel(two, service) as second,
        first.connect(),
    ):
        with first.connect():
            said = first.refused()
            assert f"FATAL:  pgward: you use 2 of 2 connections to {service}" in said
            assert "HINT:  close some, or ask for a higher limit" in said
            with second.connect():
                assert f"{service} has all its 3 connections in use" in second.refused()
        # One that has ended counts no more.
        eventually(lambda: "higher limit" not in run_client("psql", "-d", first.conninfo).stderr)
    event = audited(stack, "you use 2 of 2 connections", actor=one.name)
    assert event["target"] == service


def test_an_upstream_that_is_not_there(stack):
    person = stack.person()
    nowhere = {"host": "127.0.0.1", "port": 1}
    service = stack.service(person, upstream=nowhere, sslMode="disable")
    with stack.tunnel(person, service) as tunnel:
        said = tunnel.refused()
    assert "the edge cannot reach the database at 127.0.0.1:1: Connection refused" in said
    assert "HINT:  ask whoever runs the service" in said


def test_a_client_that_wants_tls_inside_hides_the_reason_and_the_tunnel_says_it(stack):
    """libpq shows no error message that comes before its TLS (CVE-2024-10977)."""
    person = stack.person()
    service = stack.service(person, upstream={"host": "127.0.0.1", "port": 1})
    with stack.tunnel(person, service) as tunnel:
        tunnel.refused()
        problem = "the edge cannot reach the database at 127.0.0.1:1: Connection refused"
        tunnel.says(f"{service}: the edge ended a connection: {problem}")
        row = person.data("status")[0]
    assert row["problem"] == problem


def serial_is_revoked(edge, serial: str) -> bool:
    """Tell whether an edge has heard of it."""
    lists = [x509.load_der_x509_crl(b64decode(each)) for each in edge.snapshot()["crls"]]
    number = int(serial, 16)
    return any(each.get_revoked_certificate_by_serial_number(number) for each in lists)
