"""The real certbot, unattended: it registers, issues, renews and revokes; PostgreSQL serves."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from tests.fixtures.acme_site import NAME, OTHER
from tests.fixtures.material import psql

pytestmark = pytest.mark.integration
HOOK = Path(__file__).parents[2] / "examples" / "certbot-deploy-postgresql.sh"
_HBA = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"


@pytest.fixture
def server(pg):
    """PostgreSQL that is to serve TLS with what the hook puts there."""
    (pg.data_dir / "pg_hba.conf").write_text(_HBA)
    for setting, value in (
        ("ssl_cert_file", "server.crt"),
        ("ssl_key_file", "server.key"),
        ("ssl", "on"),
    ):
        pg.psql(f"alter system set {setting} = '{value}'")
    return pg


def _leaf(lineage: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((lineage / "fullchain.pem").read_bytes())[0]


def _shown(server, acme_site) -> int:
    """Connect with verify-full, and return the serial number of what the server shows."""
    root = acme_site.site.ca.root
    conninfo = (
        f"host={NAME} hostaddr=127.0.0.1 port={server.port} user=postgres dbname=postgres"
        f" sslmode=verify-full sslrootcert={root} gssencmode=disable"
    )
    done = psql(conninfo, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    assert (done.stdout.strip(), done.stderr) == ("t", "")
    shown = subprocess.run(
        ["openssl", "s_client", "-starttls", "postgres", "-connect", f"127.0.0.1:{server.port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )
    start = shown.stdout.index(b"-----BEGIN CERTIFICATE-----")
    return x509.load_pem_x509_certificate(shown.stdout[start:]).serial_number


def _reloaded(server, before: str) -> None:
    """Wait for the reload that the hook asked for."""
    query = "select count(*) from generate_series(1, 600) where pg_conf_load_time() > '{}'"
    for _ in range(100):
        if server.psql(query.format(before)).strip() != "0":
            return
        server.psql("select pg_sleep(0.05)")
    raise TimeoutError("PostgreSQL did not reload")


def _load_time(server) -> str:
    return server.psql("select pg_conf_load_time()").strip()


@pytest.mark.soak
def test_postgresql_is_certified_by_certbot_for_good(acme_site, certbot, server):
    key = acme_site.key("--dns", "*.pgward.test", "--ip", "127.0.0.1")
    assert "Account registered" in certbot.register(key)
    pgdata, before = {"PGDATA": str(server.data_dir)}, _load_time(server)
    certbot.certonly("-d", NAME, "-d", OTHER, "--deploy-hook", str(HOOK), **pgdata)
    _reloaded(server, before)
    first = _leaf(certbot.lineage())
    assert _shown(server, acme_site) == first.serial_number
    assert first.subject.rfc4514_string() == f"CN={NAME}"

    quick = "--no-random-sleep-on-renew"
    assert "not yet due for renewal" in certbot.ok("renew", quick, **pgdata)
    before = _load_time(server)
    certbot.ok("renew", quick, "--force-renewal", **pgdata)
    _reloaded(server, before)
    second = _leaf(certbot.lineage())
    assert second.serial_number != first.serial_number
    assert _shown(server, acme_site) == second.serial_number

    server_option = ("--server", acme_site.directory)
    certbot.ok("revoke", "--cert-name", NAME, "--reason", "superseded", *server_option)
    listed = acme_site.site.api.get("/v1/certificates", kind="host", state="revoked")
    assert [each["serial"] for each in listed["certificates"]] == [f"{second.serial_number:x}"]


@pytest.mark.soak
def test_certbot_keeps_a_certificate_for_an_address_alone(acme_site, certbot):
    certbot.register(acme_site.key("--ip", "127.0.0.1"))
    certbot.certonly("--ip-address", "127.0.0.1")
    first = _leaf(certbot.lineage("127.0.0.1"))
    assert first.subject.rfc4514_string() == ""
    again = certbot.ok("renew", "--no-random-sleep-on-renew", "--force-renewal")
    assert "renewals succeeded" in again
    second = _leaf(certbot.lineage("127.0.0.1"))
    assert second.serial_number != first.serial_number


@pytest.mark.soak
def test_certbot_is_told_to_renew_what_was_revoked(acme_site, certbot):
    """By ACME renewal information; and an address stands beside a name."""
    certbot.register(acme_site.key("--dns", NAME, "--ip", "127.0.0.1"))
    certbot.certonly("-d", NAME, "--ip-address", "127.0.0.1")
    first = _leaf(certbot.lineage())
    acme_site.site.admin.ok("ca", "revoke", f"{first.serial_number:x}")
    assert "renewals succeeded" in certbot.ok("renew", "--no-random-sleep-on-renew")
    second = _leaf(certbot.lineage())
    assert second.serial_number != first.serial_number
    san = second.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in san.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.soak
def test_certbot_says_what_was_wrong(acme_site, certbot):
    certbot.register(acme_site.key("--dns", NAME))
    refused = certbot.run("certonly", *certbot.standalone(), "-d", "db9.pgward.test")
    assert refused.returncode == 1
    assert "this account may not ask for it" in refused.stdout + refused.stderr
