"""Real PostgreSQL and libpq judge the authority's certificates and CRLs, by themselves."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import hierarchy
from pgward.ca.authority import Authority
from pgward.ca.hierarchy import Hierarchies, Hierarchy
from pgward.ca.issuing.rules import NO_RULES, Rules
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName, CertificateRecord, Kind, Revocation
from pgward.ca.revoking import crl_maker
from pgward.ca.settings import RevocationSettings, Settings
from pgward.core.clock import SystemClock
from pgward.core.errors import PgwardError
from pgward.pki import csr, keys, pem
from pgward.system.postgres import psql
from tests.fixtures.authority import MemoryStore
from tests.fixtures.pkilint import lint_certificate

pytestmark = pytest.mark.integration

CONF = """
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
ssl_ca_file = 'clients.crt'
ssl_crl_file = 'clients.crl'
"""
WHO = "select session_user, ssl from pg_stat_ssl where pid = pg_backend_pid()"


URLS = RevocationSettings(
    crl_url="http://crl.example.com/crls/{ca}.crl", ocsp_url="http://ocsp.example.com/ocsp"
)


@pytest.fixture
def live():
    """An authority on the real clock, and its store: PostgreSQL looks at the real one too."""
    authority, store = make_live(Settings())
    yield authority, store
    authority.close()


def make_live(settings):
    clock, store, made = SystemClock(), MemoryStore(), []
    for root, issuing in [
        (CaName.USER_ROOT, CaName.USER_ISSUING),
        (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
    ]:
        new = hierarchy.create("Acme", root, issuing, clock.now())
        made.append(Hierarchy(new.root.certificate, new.issuing.as_issuing()))
        store.save_crl(
            crl_maker.sign(
                root,
                new.root.certificate,
                KeySigner(new.root.key),
                now=clock.now(),
                next_update=new.root.certificate.not_valid_after_utc,
                number=1,
            )
        )
    authority = Authority(settings, Hierarchies(*made), store, clock)
    authority.publish_crls()
    return authority, store


def write(cluster, name: str, data: bytes) -> Path:
    path = cluster.data_dir / name
    path.write_bytes(data)
    path.chmod(0o600)
    if cluster.account is not None:
        shutil.chown(path, cluster.account.uid, cluster.account.gid)
    return path


def install(cluster, authority) -> None:
    """Set PostgreSQL up as a person would by hand."""
    key = keys.generate()
    issued = authority.issue_server(
        csr.make(key), kind=Kind.HOST, name="db1", dns=["localhost"], ips=["127.0.0.1"]
    )
    write(cluster, "server.key", keys.to_pem(key, None))
    write(cluster, "server.crt", pem.join([issued.certificate, *issued.chain]))
    write(cluster, "clients.crt", pem.join(authority.trust.user_roots))
    write_crls(cluster, authority)
    conf = cluster.data_dir / "postgresql.conf"
    write(cluster, "postgresql.conf", conf.read_bytes() + CONF.encode())
    with_map = "local all all trust\nhostssl all all 127.0.0.1/32 cert\n"
    write(cluster, "pg_hba.conf", with_map.encode())
    cluster.reload()
    cluster.psql("create role alice login")
    wait_for(lambda: cluster.psql("show ssl"), "on")


def write_crls(cluster, authority) -> None:
    names = (CaName.USER_ROOT, CaName.USER_ISSUING)
    crls = [x509.load_der_x509_crl(authority.crl(name).der) for name in names]
    write(cluster, "clients.crl", b"".join(crl.public_bytes(Encoding.PEM) for crl in crls))


def wait_for(read, wanted):
    for _ in range(100):
        if (found := read()) == wanted:
            return
    assert found == wanted


def log_in(authority, directory: Path, rules=NO_RULES):
    """Return the certificate and the libpq options that use it."""
    key = keys.generate()
    now = authority.clock.now()
    issued = authority.begin_login(
        csr.make(key),
        user="alice",
        session_id="s",
        session_ends=now + timedelta(hours=12),
        rules=rules,
    ).result()
    return issued.certificate, options(directory, key, issued, authority)


def options(directory, key, issued, authority) -> str:
    files = {
        "sslkey": keys.to_pem(key, None),
        "sslcert": pem.join([issued.certificate, *issued.chain]),
        "sslrootcert": pem.join(authority.trust.server_roots),
    }
    for name, data in files.items():
        (directory / name).write_bytes(data)
        (directory / name).chmod(0o600)
    return " ".join(f"{name}={directory / name}" for name in files)


def connect(cluster, used: str) -> str:
    conninfo = f"host=localhost hostaddr=127.0.0.1 port={cluster.port} user=alice dbname=postgres"
    return psql(f"{conninfo} sslmode=verify-full {used}", WHO)


def refused(cluster, used: str) -> bool:
    try:
        connect(cluster, used)
    except PgwardError:
        return True
    return False


def check(cluster, live, directory):
    authority, store = live
    install(cluster, authority)
    certificate, used = log_in(authority, directory)
    assert connect(cluster, used) == "alice|t"

    serial = certificate.serial_number
    store.revoke(serial, Revocation(serial, authority.clock.now()))
    authority.publish_crls()
    write_crls(cluster, authority)
    cluster.reload()
    wait_for(lambda: refused(cluster, used), wanted=True)
    _, fresh = log_in(authority, directory)
    assert connect(cluster, fresh) == "alice|t"


def test_postgres_takes_the_chain_and_the_crls(pg, live, tmp_path):
    check(pg, live, tmp_path)


@pytest.mark.matrix
def test_every_postgres_does(pg_each, live, tmp_path):
    check(pg_each, live, tmp_path)


def check_long_lists_and_urls(cluster, directory):
    """Certificates name a CRL and OCSP, which PostgreSQL must ignore; its own list is long."""
    authority, store = make_live(replace(Settings(), revocation=URLS))
    try:
        revoke_others(authority, store, 10_000)
        authority.publish_crls()
        assert len(x509.load_der_x509_crl(authority.crl("user-issuing").der)) == 10_000
        check(cluster, (authority, store), directory)
    finally:
        authority.close()


def revoke_others(authority, store, count):
    now = authority.clock.now()
    for serial in range(1 << 150, (1 << 150) + count):
        store.records[serial] = CertificateRecord(
            serial=serial,
            ca=CaName.USER_ISSUING,
            kind=Kind.PERSON,
            subject="other",
            not_before=now,
            not_after=now + timedelta(hours=1),
            key_sha256="",
        )
        store.revoke(serial, Revocation(serial, now, x509.ReasonFlags.superseded))


def test_postgres_takes_a_list_of_10000_and_certificates_with_urls(pg, tmp_path):
    check_long_lists_and_urls(pg, tmp_path)


@pytest.mark.matrix
def test_every_postgres_takes_them(pg_each, tmp_path):
    check_long_lists_and_urls(pg_each, tmp_path)


def test_a_server_certificate_logs_nobody_in(pg, live, tmp_path):
    authority, _ = live
    install(pg, authority)
    key = keys.generate()
    issued = authority.issue_server(csr.make(key), kind=Kind.HOST, name="alice", dns=["alice"])
    with pytest.raises(PgwardError, match=r"unknown ca|certificate"):
        connect(pg, options(tmp_path, key, issued, authority))


def test_a_login_certificate_is_no_servers(pg, live, tmp_path):
    authority, _ = live
    install(pg, authority)
    _, used = log_in(authority, tmp_path)
    shutil.copy(tmp_path / "sslcert", pg.data_dir / "server.crt")
    shutil.copy(tmp_path / "sslkey", pg.data_dir / "server.key")
    pg.reload()
    wait_for(lambda: refused(pg, used), wanted=True)


@pytest.mark.soak
def test_what_a_certificate_profile_adds_disturbs_nobody(pg, live, tmp_path):
    authority, _ = live
    install(pg, authority)
    rules = Rules(extra_purposes=("1.3.6.1.5.2.3.4",), alt_names=("email:{user}@example.com",))
    certificate, used = log_in(authority, tmp_path, rules)
    assert lint_certificate(certificate) == []
    assert "alice" in connect(pg, used)


def test_without_a_certificate_nobody_logs_in(pg, live, tmp_path):
    authority, _ = live
    install(pg, authority)
    _, used = log_in(authority, tmp_path)
    with pytest.raises(PgwardError, match="certificate"):
        connect(pg, used.replace(f"sslcert={tmp_path}/sslcert", "sslcert=/nowhere"))


@pytest.mark.soak
def test_a_strangers_certificate_of_the_same_name_is_refused(pg, live, tmp_path):
    authority, store = live
    install(pg, authority)
    new = hierarchy.create("Acme", CaName.USER_ROOT, CaName.USER_ISSUING, authority.clock.now())
    forged = Hierarchy(new.root.certificate, new.issuing.as_issuing())
    server = hierarchy.create(
        "Acme", CaName.SERVER_ROOT, CaName.SERVER_ISSUING, authority.clock.now()
    )
    other = Hierarchy(server.root.certificate, server.issuing.as_issuing())
    stranger = Authority(Settings(), Hierarchies(forged, other), store, authority.clock)
    _, used = log_in(stranger, tmp_path)
    with pytest.raises(PgwardError, match=r"unknown ca|certificate"):
        connect(pg, used)
