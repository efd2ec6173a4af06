"""Several writers of one log: no gap, nothing acknowledged is lost, whoever dies."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.log import audit as log_audit
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.store.schema import certificates
from pgward.core.clock import SystemClock
from pgward.pki import keys
from pgward.system.postgres import temporary_cluster

pytestmark = pytest.mark.integration

# Issues for ever, in batches of different sizes, and says what is committed, line by line.
WRITER = """
import hashlib, itertools, os, sys
from datetime import UTC, datetime, timedelta
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca import store as stores
from pgward.ca.store.certificates import SqlCertificates
made = SqlCertificates(stores.open_store(sys.argv[1]))
for turn in itertools.count():
    now = datetime.now(UTC).replace(microsecond=0)
    ders = [os.urandom(400) for _ in range(1 + turn % 7)]
    records = [
        CertificateRecord(
            serial=int.from_bytes(os.urandom(19)), ca=CaName.SERVER_ISSUING, kind=Kind.EDGE,
            subject="e1", not_before=now, not_after=now + timedelta(hours=1),
            key_sha256=hashlib.sha256(der).hexdigest(),
        )
        for der in ders
    ]
    made.reserve(records)
    assert not made.record([Signed(*each) for each in zip(records, ders)])
    print(*(record.serial_hex for record in records), flush=True)
"""


@pytest.fixture(scope="module")
def cluster():
    with temporary_cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ca.db'}"
    cluster, name = request.getfixturevalue("cluster"), f"ca_{uuid.uuid4().hex[:12]}"
    cluster.psql(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={cluster.socket_dir}&port={cluster.port}"


def start(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def said(writer: subprocess.Popen[str], lines: int) -> list[str]:
    """Read so many lines, and return the serial numbers in them."""
    return [serial for _ in range(lines) for serial in writer.stdout.readline().split()]


def test_two_writers_and_one_is_killed(url):
    stores.create(url).close()
    writers = [start(url), start(url)]
    try:
        told = [serial for writer in writers for serial in said(writer, 15)]
        writers[0].kill()
        told += writers[0].stdout.read().split()  # what it had said before
        told += said(writers[1], 15)
    finally:
        for writer in writers:
            writer.kill()
            with writer:
                told += writer.stdout.read().split()
    store = stores.open_store(url)
    key = keys.generate()
    HeadSigner(store, key, SystemClock()).sign()
    with store.read() as connection:
        report = log_audit.audit(connection, key.public_key())
        rows = connection.execute(
            sa.select(certificates.c.serial).where(certificates.c.log_index.is_not(None))
        )
        logged = set(rows.scalars())
    store.close()
    assert report.problems == []
    assert report.leaves == len(logged)
    assert len(told) == len(set(told)) >= 90
    assert set(told) <= logged
