"""A CA under a company's own root, run with OpenSSL; PostgreSQL and OpenSSL judge it."""

import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pki import pem
from tests.fixtures.ca_process import pgward
from tests.fixtures.many_cas import (
    OpensslCompany,
    created,
    crls_of,
    login_chain,
    serve_refused,
    strictly_valid,
)
from tests.fixtures.material import psql
from tests.fixtures.rotation import renew
from tests.fixtures.stack import enable_tls

pytestmark = pytest.mark.integration


@pytest.fixture
def under_company(tmp_path, openssl):
    directory = tmp_path / "ca"
    created(directory, "--subordinate")
    return directory, OpensslCompany(openssl)


def sign_in(pg, certificate, key, user):
    key.chmod(0o600)
    return psql(
        f"host=127.0.0.1 port={pg.port} user={user} dbname=postgres sslmode=require"
        f" sslcert={certificate} sslkey={key}"
    )


def test_a_ca_under_a_companys_root(under_company, serve, pg, openssl):
    directory, company = under_company
    code, said = serve_refused(directory)
    assert (code, "the company's root has not signed this CA yet" in said) == (1, True)
    assert f"pgward ca import {directory} FILE…" in said

    replies = [
        company.sign(directory / "requests" / f"{name}.csr", name)
        for name in ("user-issuing", "server-issuing")
    ]
    done = pgward("ca", "import", directory, *replies, company.root)
    assert (done.returncode, "revocation list (CRL) is missing" in done.stderr) == (1, True)
    assert not list((directory / "certs").glob("*.crt"))
    done = pgward("ca", "import", directory, *replies, company.root, company.crl())
    assert done.returncode == 0, done.stderr
    assert "refuses EVERYONE" in done.stderr

    site = serve(directory)
    person = site.person()
    root = pem.split(company.root.read_bytes())[0]
    crls = crls_of(directory, "user-root", "user-issuing")
    assert strictly_valid(openssl, login_chain(person), root, crls).endswith("leaf: OK\n")

    enable_tls(pg, site)
    (pg.data_dir / "crls").write_bytes(b"".join(crls))
    if pg.account is not None:
        shutil.chown(pg.data_dir / "crls", pg.account.uid, pg.account.gid)
    pg.psql("alter system set ssl_crl_file = 'crls'")
    pg.psql(f'create role "{person.name}" login')
    (pg.data_dir / "pg_hba.conf").write_text("local all all trust\nhostssl all all all cert\n")
    pg.reload()
    current = person.home / "identity" / "current"
    done = sign_in(pg, current / "login.crt", current / "login.key", person.name)
    assert done.stdout == f"{person.name}\n", done.stderr

    # Another CA of the company may certify the same name: it has no list here, so nobody gets in.
    key, asked = company.request("sibling")
    sibling = company.sign(asked, "sibling.crt")
    leaf_key, asked = company.request(person.name)
    leaf = company.sign(asked, "leaf.crt", section="leaf", ca=sibling, key=key)
    chain = openssl.write("chain", leaf.read_bytes() + sibling.read_bytes())
    done = sign_in(pg, chain, leaf_key, person.name)
    assert (done.returncode, "unknown ca" in done.stderr) == (2, True), done.stderr

    # A newer list of the root comes while it serves.
    newer = company.crl()
    assert pgward("ca", "import", directory, newer).returncode == 0
    served = site.api.get_bytes("/v1/crls/user-root.crl")
    assert served == x509.load_pem_x509_crl(newer.read_bytes()).public_bytes(Encoding.DER)


def signed_by(company, directory, *names):
    """What the company sends back: certificates, its root, and its newest list."""
    replies = [
        company.sign(directory / "requests" / f"{name}.csr", f"{name}.crt") for name in names
    ]
    return [*replies, company.root, company.crl()]


def imported(directory, files):
    done = pgward("ca", "import", directory, *files)
    assert done.returncode == 0, done.stderr
    return done.stderr


class Host:
    """PostgreSQL that `pgward hba` looks after."""

    def __init__(self, pg, site, person):
        self.pg, self.person = pg, person
        pg.psql(f'create role "{person.name}" login')
        body = {"kind": "host", "name": "db1", "dns": ["db1.test"]}
        token = site.api.post("/v1/tokens", body)["token"]
        self.hba("apply", "--token-file", "-", stdin=token)

    def hba(self, command, *arguments, **options):
        done = pgward("hba", command, "--data-dir", self.pg.data_dir, *arguments, **options)
        assert done.returncode == 0, done.stderr

    def lets_in(self):
        current = self.person.home / "identity" / "current"
        done = sign_in(self.pg, current / "login.crt", current / "login.key", self.person.name)
        assert done.stdout == f"{self.person.name}\n", done.stderr


@pytest.mark.soak
def test_a_new_key_below_a_companys_root(under_company, serve, pg, openssl):
    """Nobody loses access, and PostgreSQL lets certificates of the new CA in."""
    directory, company = under_company
    imported(directory, signed_by(company, directory, "user-issuing", "server-issuing"))
    site = serve(directory)
    person = site.person()
    host = Host(pg, site, person)
    old = login_chain(person)

    start = ("ca", "rotate", "start", "issuing", directory, "--hierarchy", "user")
    asked = pgward(*start)
    assert asked.stdout == f"{directory}/requests/user-issuing-2.csr\n", asked.stderr
    assert site.api.get("/v1/rotations")["rotations"] == []
    said = imported(directory, signed_by(company, directory, "user-issuing-2"))
    assert "new, and trusted from now on: user-issuing-2" in said
    assert "user-issuing-2 is under way" in pgward(*start).stderr

    host.hba("refresh")
    assert advance(site) == "issue-new"
    renew(person)
    renew(site.admin)
    chain = login_chain(person)
    assert chain[0].issuer != old[0].issuer
    host.lets_in()
    root = pem.split(company.root.read_bytes())[0]
    lists = crls_of(directory, "user-root", "user-issuing", "user-issuing-2")
    assert strictly_valid(openssl, chain, root, lists).endswith("leaf: OK\n")
    assert advance(site) == "trust-new"
    host.hba("refresh")
    assert advance(site) == "done"
    host.lets_in()

    # The certificate for the new key is renewed, and replaced, as the first one was.
    imported(directory, signed_by(company, directory, "user-issuing-2"))
    assert pgward(*start).stdout == f"{directory}/requests/user-issuing-3.csr\n"


def advance(site):
    return site.api.post("/v1/rotations/user-issuing-2/advance", {})["phase"]
