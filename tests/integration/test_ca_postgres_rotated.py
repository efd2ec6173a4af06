"""PostgreSQL that trusts only the old user root, or only the new one, while both count."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import hierarchy
from pgward.ca import store as stores
from pgward.ca.authority import Authority
from pgward.ca.issuing.issuance import IssuanceQueue
from pgward.ca.issuing.issuer import Issuer
from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName
from pgward.ca.revoking import crl_maker
from pgward.ca.rotation import making
from pgward.ca.rotation.making import Plan
from pgward.ca.settings import Settings
from pgward.ca.standing import Loader
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import SystemClock
from pgward.pki import csr, keys, pem
from tests.fixtures.authority import MemoryStore, keeper_of, write_keys
from tests.integration.test_ca_postgres import connect, install, options, wait_for, write

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
SECRET = b"correct horse"


@dataclass
class Rotated:
    """An authority whose user root has a successor, and both roots."""

    authority: Authority
    old: x509.Certificate
    new: x509.Certificate

    def log_in(self, directory: Path) -> str:
        """Return libpq's options for a certificate of the new issuing CA."""
        known = self.authority.standing.generations
        issuing = self.authority.standing.ca(known.get("user-issuing-2"))
        queue = IssuanceQueue(MemoryStore())
        key = keys.generate()
        issued = (
            Issuer(issuing, queue, CLOCK)
            .begin_login(
                csr.make(key),
                user="alice",
                not_after=CLOCK.now() + timedelta(hours=1),
                session_id="s",
                rules=NO_RULES,
            )
            .result()
        )
        queue.close()
        assert len(issued.chain) == 2  # the issuing CA, and the new root by the old one
        return options(directory, key, issued, self.authority)


@contextmanager
def rotated(place: Path) -> Iterator[Rotated]:
    """Make a CA directory, and begin to replace its user root."""
    place.mkdir()
    made = [
        hierarchy.create("Acme", root, issuing, CLOCK.now())
        for root, issuing in (
            (CaName.USER_ROOT, CaName.USER_ISSUING),
            (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
        )
    ]
    cas = [ca for new in made for ca in (new.root, new.issuing)]
    hierarchy.write(place, cas)
    write_keys(place, cas, SECRET)
    keeper = keeper_of(place, SECRET)
    store = stores.create(f"sqlite:///{place / 'ca.db'}")
    certificates = SqlCertificates(store, CLOCK)
    for new in made:
        root, end = new.root, new.root.certificate.not_valid_after_utc
        signer, now = KeySigner(root.key), CLOCK.now()
        certificates.save_crl(
            crl_maker.sign(root.name, root.certificate, signer, now=now, next_update=end, number=1)
        )
    loader = Loader(store, keeper, CLOCK)
    authority = Authority(Settings(), loader.first(place), certificates, CLOCK, reload=loader)
    authority.publish_crls()
    known = authority.standing.generations
    plan = Plan(CaName.USER_ROOT, "Acme", keeper.load(known.current(CaName.USER_ROOT).key))
    making.start(store, place, keeper, plan, CLOCK)
    authority.refresh()
    known = authority.standing.generations
    try:
        yield Rotated(
            authority, known.get("user-root").certificate, known.get("user-root-2").certificate
        )
    finally:
        authority.close()
        store.close()


def reload(cluster) -> None:
    """Have the server read its files again, and wait until it has."""
    read_at = "select pg_conf_load_time()"
    before = cluster.psql(read_at)
    cluster.reload()
    wait_for(lambda: cluster.psql(read_at) != before, wanted=True)


def check(cluster, directory) -> None:
    with rotated(directory / "ca") as made:
        install(cluster, made.authority)
        lists = [x509.load_der_x509_crl(each.der) for each in made.authority.user_crls()]
        assert len(lists) == 4
        write(cluster, "clients.crl", b"".join(each.public_bytes(Encoding.PEM) for each in lists))
        used = made.log_in(directory)
        for roots in ([made.old], [made.new], [made.old, made.new], [made.new, made.old]):
            write(cluster, "clients.crt", pem.join(roots))
            reload(cluster)
            assert connect(cluster, used) == "alice|t"


def test_postgres_takes_a_cross_signed_chain(pg, tmp_path):
    check(pg, tmp_path)


@pytest.mark.matrix
def test_every_postgres_takes_a_cross_signed_chain(pg_each, tmp_path):
    check(pg_each, tmp_path)
