"""`pgward audit search | tail | verify | export` and `sessions` at a real CA, whose archive is a
directory or a bucket.
"""

import json
import os
import signal
import subprocess
from base64 import b64decode
from hashlib import sha256

import pytest
import sqlalchemy as sa

from pgward.audit.recording.parcel import pack
from pgward.ca.store import open_store
from pgward.ca.store.schema_archive import audit_chains, audit_chunk_names, audit_chunks
from pgward.client.machine import Machine
from tests.fixtures.aware_services import aware
from tests.fixtures.ca import Site, environment
from tests.fixtures.ca_process import CaProcess
from tests.fixtures.chunks import Teller, record
from tests.fixtures.recordings import SESSION, end, pieces_of, start
from tests.fixtures.warm import Pgward

pytestmark = pytest.mark.integration


class _Signing:
    """An enrolled machine as a Teller takes it."""

    def __init__(self, machine: Machine) -> None:
        self.key, self.chain = machine.credentials
        self.put_content = machine.put_content


def enrolled(site: Site, directory) -> tuple[Teller, Machine]:
    name = site.unique("edge")
    token = site.api.post("/v1/tokens", {"kind": "edge", "name": name})["token"]
    machine = Machine.enroll(directory, token, advertise=f"{name}.test:7432")
    return Teller(_Signing(machine), edge=name, chain=os.urandom(8).hex()), machine


@pytest.fixture
def teller(site, tmp_path):
    made, machine = enrolled(site, tmp_path / "edge")
    yield made
    machine.close()


def told(teller: Teller, number: int, **more):
    return record(number, **{"edge": teller.edge, "service": teller.edge, **more})


def test_an_auditor_finds_verifies_and_exports(site, teller, tmp_path):
    auditor = site.person("auditors", word="otto")
    session = f"{teller.edge}-1"
    teller.tell(
        told(teller, 1, type="SESSION_START", session=session, text=None),
        told(teller, 2, session=session, text="drop table accounts", status="error"),
    )
    teller.tell(told(teller, 3, type="SESSION_END", session=session, text=None))
    edge = ("--edge", teller.edge)
    (found,) = auditor.data("audit", "search", "DROP table", *edge)
    assert (found["text"], found["status"]) == ("drop table accounts", "error")
    (ran,) = auditor.data("sessions", "ls", "--service", teller.edge)
    assert (ran["id"], ran["statements"], ran["errors"]) == (session, 1, 1)
    assert auditor.data("sessions", "show", session) == ran | {"recording": None}
    done = auditor.run("audit", "verify", *edge)
    assert (done.returncode, done.stderr) == (0, "verified: 3 lines in 1 chain\n")
    auditor.ok("audit", "export", tmp_path / "x", *edge)
    done = auditor.run("audit", "verify", "--directory", tmp_path / "x")
    assert (done.returncode, done.stderr) == (0, "verified: 3 lines in 1 chain\n")
    assert site.person().run("audit", "search").returncode == 3


def test_tail_shows_what_comes_in(site, teller):
    teller.tell(told(teller, 1))
    arguments = ["audit", "tail", "-f", "-n", "1", "--edge", teller.edge, "-o", "json"]
    pipe = subprocess.PIPE
    with Pgward(arguments, stdout=pipe, text=True, env=environment(site.admin.home)) as process:
        assert '"select 1"' in process.stdout.readline()
        teller.tell(told(teller, 2))
        assert '"select 2"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_one_byte_changed_in_the_archive(own_site, tmp_path):
    teller, machine = enrolled(own_site, tmp_path / "edge")
    teller.tell(told(teller, 1))
    teller.tell(told(teller, 2))
    machine.close()
    first, _ = sorted((own_site.ca.directory / "archive").rglob("*.zst"))
    data = bytearray(first.read_bytes())
    data[-2] ^= 1
    first.write_bytes(data)
    done = own_site.admin.run("audit", "verify")
    assert done.returncode == 1
    assert "an object of the archive was changed" in done.stderr
    assert "missing" not in done.stderr
    done = own_site.admin.run("audit", "search")
    assert "select 2" in done.stdout
    assert f"warning: line 1 is lost, of {teller.edge}:" in done.stderr


def test_a_store_that_is_put_back_finds_its_chunks_again(own_site, tmp_path):
    teller, machine = enrolled(own_site, tmp_path / "edge")
    for number in range(3):
        teller.tell(told(teller, number))
    own_site.ca.stop()
    store = open_store(f"sqlite:///{own_site.ca.directory / 'ca.db'}")
    with store.write() as transaction:
        for table in (audit_chains, audit_chunks, audit_chunk_names):
            transaction.execute(sa.delete(table))
    store.close()
    own_site.restart()
    teller.tell(told(teller, 9))
    machine.close()
    done = own_site.admin.run("audit", "verify")
    assert (done.returncode, done.stderr) == (0, "verified: 4 lines in 1 chain\n")


def test_an_archive_in_a_bucket(start_ca, s3_url, bucket, tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}
    ca: CaProcess = start_ca("--archive", s3_url, env={**os.environ, **keys})
    site = Site(ca, tmp_path)
    teller, machine = enrolled(site, tmp_path / "edge")
    teller.tell(told(teller, 1))
    machine.close()
    (key,) = bucket.list("audit/")
    assert key.startswith(f"audit/{teller.edge}/{teller.chain}/000000000000000001-")
    assert not (ca.directory / "archive").exists()
    assert site.admin.data("audit", "search")[0]["text"] == "select 1"
    assert site.admin.run("audit", "verify").returncode == 0
    site.close()


@pytest.mark.soak
def test_recordings_in_a_bucket(start_ca, s3_url, bucket, tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}
    ca: CaProcess = start_ca("--archive", s3_url, env={**os.environ, **keys})
    site = Site(ca, tmp_path)
    teller, machine = enrolled(site, tmp_path / "edge")
    site.admin.ok("secret", "create", "orders-app", stdin="secret")
    site.api.put(
        "/v1/resources/service/orders", aware({"recording": "results"}, edges=[teller.edge])
    )
    told_by_the_ca = json.loads(b64decode(machine.snapshot(0, 5)["snapshot"].split(".")[1] + "=="))
    ours = {"edge": teller.edge, "service": "orders"}
    said = [
        start(1, recipient=told_by_the_ca["recording"]["recipient"]) | ours,
        told(teller, 2, text="select 'tea'"),
        end(3) | ours,
    ]
    made = pieces_of(said[:1], said[1:])
    teller.tell(*said, *(piece.info.to_record() for piece in made))
    parcel = pack(made)
    digest = sha256(parcel).hexdigest()
    assert machine.put_content(f"/v1/edges/self/recordings/{digest}", parcel, {})[0] == 200
    machine.close()
    (key,) = bucket.list("recordings/")
    assert b"tea" not in bucket.get(key)
    assert "select 'tea'" in site.admin.ok("sessions", "play", SESSION, "--speed", "0")
    done = site.admin.run("sessions", "export", SESSION, tmp_path / "x")
    assert done.stderr == f"{tmp_path}/x: 3 events in 2 pieces, as the audit has them\n"
    bucket.delete(key)
    done = site.admin.run("sessions", "play", SESSION, "--speed", "0")
    assert done.returncode == 1
    assert "piece 1 cannot be read" in done.stderr
    site.close()
