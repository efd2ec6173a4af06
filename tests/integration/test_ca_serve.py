"""`pgward ca serve`: as a server among strangers, and as a process that may die."""

import os
import re
import resource
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.store import open_store
from pgward.ca.store.certificates import CertificateFilter, find
from pgward.pki import csr, keys, proof
from tests.fixtures.ca_process import PASSWORD, pgward

pytestmark = pytest.mark.integration


class Admin:
    """The administrator's session, spoken by hand over the real API."""

    def __init__(self, ca):
        self.ca = ca
        self.key = keys.generate()
        self.http = httpx2.Client(verify=ca.trusting(), base_url=ca.url, timeout=10)
        body = {"method": "password", "user": "admin", "password": PASSWORD}
        self.token = None
        self.token = self.call("POST", "/v1/login", body)["token"]

    def call(self, method, path, body=None):
        now, url = datetime.now(UTC), f"{self.ca.url}{path}"
        headers = {"DPoP": proof.make(self.key, method, url, now=now, token=self.token)}
        if self.token:
            headers["Authorization"] = f"DPoP {self.token}"
        reply = self.http.request(method, path, headers=headers, json=body)
        reply.raise_for_status()
        return reply.json()

    def issue(self):
        reply = self.call("POST", "/v1/certificates/login", {"csr": csr.make(self.key).decode()})
        return x509.load_pem_x509_certificate(reply["certificate"].encode())


def health(ca):
    with httpx2.Client(verify=ca.trusting(), timeout=5) as http:
        return http.get(f"{ca.url}/v1/health").json()


def dial(ca):
    return socket.create_connection(("127.0.0.1", ca.port), timeout=5)


def test_it_announces_where_it_listens(shared_ca):
    ca = shared_ca
    assert ca.first_line == f"listening 127.0.0.1:{ca.port}\n"
    assert ca.url == f"https://localhost:{ca.port}"
    assert health(ca) == {"status": "ok"}


def said_well(ca) -> bool:
    """Tell whether it said where it serves, whom to trust, and nothing else."""
    address = re.escape(f"Acme serves {ca.url}, fingerprint ")
    return re.fullmatch(rf"{address}SHA256:[0-9a-f]{{64}}\n", ca.messages()) is not None


def test_sigterm_ends_it_at_once_and_well(ca):
    with dial(ca), ca.trusting().wrap_socket(dial(ca), server_hostname="localhost"):
        began = time.monotonic()
        assert ca.stop() == 0
    assert time.monotonic() - began < 5
    assert said_well(ca)


def test_its_certificate_is_for_its_names(shared_ca):
    ca = shared_ca
    with ca.trusting().wrap_socket(dial(ca), server_hostname="localhost") as tls:
        found = dict(tls.getpeercert())
    assert found["subjectAltName"] == (("DNS", "localhost"), ("IP Address", "127.0.0.1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        ca.trusting().wrap_socket(dial(ca), server_hostname="elsewhere")


def test_old_tls_is_refused(shared_ca):
    ca = shared_ca
    old = ca.trusting()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with dial(ca) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain, server_hostname="localhost")
    assert health(ca) == {"status": "ok"}


def test_it_serves_without_the_roots_keys(start_ca, ca_directory):
    for path in ca_directory.glob("keys/*-root.key"):
        path.unlink()
    ca = start_ca()
    admin = Admin(ca)
    chain = admin.issue()
    crls = admin.http.get("/v1/crls").json()["crls"]
    admin.http.close()
    assert chain.subject.rfc4514_string() == "CN=admin"
    assert len(crls) == 4


def test_a_port_in_use_is_named_with_its_holder(ca_directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = pgward("ca", "serve", ca_directory, "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"port {port} is taken by " in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--passphrase-file", "/nowhere"], "there is no passphrase file /nowhere"),
        (["--passphrase-file", "fd:77"], "file descriptor 77 cannot be read"),
        (["--passphrase-file", "-"], "the private key cannot be read"),
        (["--listen", "192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
        (["--listen", "no.such.host.invalid:0"], "is no address of this machine"),
    ],
)
def test_what_cannot_begin_is_told(ca_directory, arguments, message):
    done = pgward("ca", "serve", ca_directory, *arguments, stdin="another passphrase\n")
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_without_a_ca_is_told(tmp_path):
    done = pgward("ca", "serve", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} is not a CA directory" in done.stderr


def test_the_passphrase_comes_through_a_descriptor(ca_directory, start_ca):
    secret = ca_directory / "passphrase"
    reader, writer = os.pipe()
    os.write(writer, secret.read_bytes())
    os.close(writer)
    secret.unlink()
    ca = start_ca("--passphrase-file", f"fd:{reader}", pass_fds=[reader])
    os.close(reader)
    assert health(ca) == {"status": "ok"}


STRANGERS = {
    "silence": b"",
    "plain text": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "random bytes": bytes(range(256)) * 8,
    "half a ClientHello": bytes.fromhex("16030100f8010000f40303") + b"\x01" * 40,
    "a huge record": b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000,
    "PostgreSQL's SSLRequest": bytes.fromhex("0000000804d2162f"),
}


@pytest.mark.parametrize("said", STRANGERS.values(), ids=STRANGERS)
def test_strangers_block_nobody(shared_ca, said):
    ca = shared_ca
    with ExitStack() as peers:
        for _ in range(20):
            peer = peers.enter_context(dial(ca))
            peer.sendall(said)
        began = time.monotonic()
        assert health(ca) == {"status": "ok"}
        assert time.monotonic() - began < 2
    assert said_well(ca)


INSIDE_TLS = {
    "silence": (b"", b""),
    "half a request": (b"GET /v1/health HTTP/1.1\r\nx: ", b""),
    "random bytes": (bytes(range(256)) * 8, b"HTTP/1.1 400 "),
    "endless headers": (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000, b"HTTP/1.1 431 "),
    "one endless header": (b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000, b"HTTP/1.1 431 "),
    "an endless address": (b"GET /" + b"y" * 200_000, b"HTTP/1.1 431 "),
    "another host": (b"GET /v1/me HTTP/1.1\r\nhost: a\r\n\r\n", b"HTTP/1.1 4"),
    "an upgrade": (
        b"GET /v1/health HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 ",
    ),
    "a negative length": (
        b"POST /v1/login HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 400 ",
    ),
    "two lengths": (
        b"POST /v1/login HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 400 ",
    ),
}


@pytest.mark.parametrize(("said", "answer"), INSIDE_TLS.values(), ids=INSIDE_TLS)
def test_strangers_inside_tls_block_nobody(shared_ca, said, answer):
    ca = shared_ca
    with ca.trusting().wrap_socket(dial(ca), server_hostname="localhost") as peer:
        try:
            peer.sendall(said)
            got = peer.recv(len(answer)) if answer else b""
        except ConnectionError:
            got = answer  # it was cut off before its answer could be read
        assert got == answer
        assert health(ca) == {"status": "ok"}
    assert said_well(ca)


def _half_handshake(ca):
    peer = dial(ca)
    peer.sendall(STRANGERS["half a ClientHello"])
    return peer


def _half_request(ca):
    peer = ca.trusting().wrap_socket(dial(ca), server_hostname="localhost")
    peer.sendall(b"GET /v1/health HTTP/1.1\r\n")
    return peer


def _kept_alive(ca):
    peer = ca.trusting().wrap_socket(dial(ca), server_hostname="localhost")
    peer.sendall(b"GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert peer.recv(12) == b"HTTP/1.1 200"
    return peer


@pytest.mark.soak
@pytest.mark.parametrize("come", [dial, _half_handshake, _half_request, _kept_alive])
def test_a_flood_of_silent_peers_keeps_nobody_out(start_ca, come):
    ca = start_ca(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120)))
    with ExitStack() as peers:
        for _ in range(200):
            peers.enter_context(come(ca))
        began = time.monotonic()
        assert health(ca) == {"status": "ok"}
        assert time.monotonic() - began < 2
    assert said_well(ca)


@pytest.mark.soak
def test_kill_9_loses_no_certificate_that_anyone_got(start_ca, ca_directory):
    received = []
    for _ in range(3):
        ca = start_ca()
        _issue_until_killed(ca, received)
    assert len(received) >= 30
    last = start_ca()
    assert health(last) == {"status": "ok"}
    assert last.stop() == 0
    store = open_store(f"sqlite:///{ca_directory}/ca.db")
    with store.read() as connection:
        rows = find(connection, CertificateFilter(kind="person"), limit=100_000)
    store.close()
    stored = {row["serial"]: row["der"] for row in rows}
    for certificate in received:
        assert stored[f"{certificate.serial_number:x}"] == certificate.public_bytes(Encoding.DER)


def _issue_until_killed(ca, received):
    begun = threading.Semaphore(0)

    def issue():
        admin = Admin(ca)
        try:
            while True:
                received.append(admin.issue())
                begun.release()
        except (httpx2.TransportError, httpx2.HTTPStatusError):
            pass
        finally:
            admin.http.close()

    threads = [threading.Thread(target=issue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        assert begun.acquire(timeout=20)
    ca.kill()
    for thread in threads:
        thread.join()
