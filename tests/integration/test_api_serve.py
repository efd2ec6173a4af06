"""The API of a real ``pgward ca serve`` over TLS: many at once, killed, and as two processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.store import certificates as stored
from pgward.ca.store import open_store
from pgward.ca.store.certificates import CertificateFilter
from pgward.pki import csr, keys, pem, proof
from tests.fixtures.ca_process import PASSWORD, CaProcess

pytestmark = pytest.mark.integration
PEOPLE = 5


@dataclass
class Caller:
    """A device or a machine on the other side of the network."""

    ca: CaProcess
    chain: list[x509.Certificate] | None = None
    token: str | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=keys.generate)

    def __post_init__(self) -> None:
        self.client = httpx2.Client(verify=self.ca.trusting(), timeout=40, trust_env=False)

    def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        url, now = self.ca.url + path, datetime.now(UTC)
        made = proof.make(self.key, method, url, now=now, token=self.token, chain=self.chain)
        headers = {"DPoP": made}
        if self.token is not None:
            headers["Authorization"] = f"DPoP {self.token}"
        return self.client.request(method, url, json=body, headers=headers)

    def login(self, user: str) -> "Caller":
        answer = self.call("POST", "/v1/login", {"user": user, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        return self

    def certificate(self) -> httpx2.Response:
        request = csr.make(keys.generate()).decode()
        return self.call("POST", "/v1/certificates/login", {"csr": request})


@pytest.fixture
def callers():
    made: list[Caller] = []

    def call(ca, **fields):
        made.append(Caller(ca, **fields))
        return made[-1]

    yield call
    for each in made:
        each.client.close()


def _edge(callers, ca, admin):
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"}).json()["token"]
    edge = callers(ca)
    body = {"token": token, "csr": csr.make(edge.key).decode(), "advertise": "e1:7432"}
    found = edge.call("POST", "/v1/enroll", body).json()
    edge.chain = pem.split("".join([found["certificate"], *found["chain"]]).encode())
    return edge


def _add_alice(admin):
    body = {"name": "alice", "password": PASSWORD}
    assert admin.call("POST", "/v1/users", body).status_code == 201


def test_fifty_certificates_at_once(ca, callers):
    admin = callers(ca).login("admin")
    _add_alice(admin)
    people = [callers(ca).login("alice") for _ in range(PEOPLE)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: people[n % PEOPLE].certificate(), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["serial"] for answer in answers}) == 50
    listed = admin.call("GET", "/v1/certificates?user=alice&state=active").json()
    assert len(listed["certificates"]) == 50


def test_killed_while_issuing_nothing_that_was_answered_is_lost(start_ca, callers):
    ca = start_ca()
    admin = callers(ca).login("admin")
    _add_alice(admin)
    alice, answered, began = callers(ca).login("alice"), [], threading.Event()

    def issue() -> None:
        try:
            while True:
                answered.append(alice.certificate().json()["serial"])
                began.set()
        except httpx2.TransportError:
            return

    threads = [threading.Thread(target=issue) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert began.wait(20)
    ca.kill()
    for thread in threads:
        thread.join()
    store = open_store(f"sqlite:///{ca.directory / 'ca.db'}")
    with store.read() as connection:
        rows = stored.find(connection, CertificateFilter(kind="person"))
    store.close()
    assert set(answered) <= {row["serial"] for row in rows if row["state"] == "issued"}
    assert all(row["der"] for row in rows if row["state"] == "issued")
    again = start_ca("--listen", f"127.0.0.1:{ca.port}")
    assert again.url == ca.url
    assert alice.certificate().status_code == 200


@pytest.mark.soak
def test_two_processes_on_one_store_agree(start_ca, callers):
    one = start_ca()
    two = start_ca()
    admin, other = callers(one).login("admin"), callers(two).login("admin")
    _add_alice(admin)
    alice = callers(two).login("alice")
    edge = _edge(callers, one, admin)
    edge.ca = two
    with ThreadPoolExecutor(20) as pool:
        for answer in pool.map(
            lambda n: (alice.certificate if n % 2 else other.certificate)(), range(40)
        ):
            assert answer.status_code == 200
    version = admin.call("GET", "/v1/edges").json()["version"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(edge.call, "GET", f"/v1/edge/snapshot?after={version}&wait=20")
        began = time.monotonic()
        assert admin.call("POST", "/v1/users/alice/block", {}).json()["revoked"] == 20
        answer = waiting.result()
    assert answer.status_code == 200
    assert time.monotonic() - began < 5
    assert alice.call("GET", "/v1/me").status_code == 401
    seqs = [e["seq"] for e in admin.call("GET", "/v1/audit?after=0&limit=1000").json()["events"]]
    assert seqs == list(range(1, len(seqs) + 1))


def test_stopping_sends_waiting_edges_home_at_once(ca, callers):
    admin = callers(ca).login("admin")
    edge = _edge(callers, ca, admin)
    version = admin.call("GET", "/v1/edges").json()["version"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(edge.call, "GET", f"/v1/edge/snapshot?after={version}&wait=30")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            row = admin.call("GET", "/v1/edges").json()["edges"][0]
            if row["snapshot_version"] == version:
                break
        began = time.monotonic()
        assert ca.stop() == 0
        answer = waiting.result()
    assert answer.status_code == 204
    assert time.monotonic() - began < 4
