"""Real HAProxy in front of a real CA, as docs/reference/health.md and limits.md set it up."""

import json
import shutil
import socket
import subprocess

import httpx2
import pytest

from tests.fixtures.replicas import until

pytestmark = [pytest.mark.integration, pytest.mark.soak]
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@pytest.fixture
def balanced(start_ca, ca_directory, tmp_path):
    """Start both; return the CA and the balancer's port."""
    if HAPROXY is None:
        pytest.skip("HAProxy is not installed: make peers")
    settings = ca_directory / "pgward.toml"
    text = settings.read_text()
    settings.write_text(
        text.replace("proxy_protocol_from = []", 'proxy_protocol_from = ["127.0.0.1"]')
    )
    ca = start_ca("--log-format", "json")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "haproxy.cfg").write_text(
        f"""defaults
            mode tcp
            timeout connect 5s
            timeout client 30s
            timeout server 30s
            timeout check 4s
        listen pgward
            bind 127.0.0.1:{port}
            option httpchk GET /readyz
            default-server check check-ssl verify required ca-file {ca.root} check-sni localhost
            default-server inter 200ms
            server ca1 127.0.0.1:{ca.port} send-proxy-v2 check-send-proxy
"""
    )
    with subprocess.Popen([HAPROXY, "-f", str(tmp_path / "haproxy.cfg"), "-db"]) as haproxy:
        yield ca, port
        haproxy.terminate()


def ask(ca, port, path):
    """Ask through the balancer, from another address of this machine."""
    transport = httpx2.HTTPTransport(verify=ca.trusting(), local_address="127.0.0.9")
    with httpx2.Client(transport=transport, timeout=5) as http:
        return http.get(f"https://localhost:{port}{path}")


def requests(ca, path):
    lines = [json.loads(line) for line in ca.messages().splitlines()]
    return [each for each in lines if each["event"] == "request" and each["path"] == path]


def test_the_balancer_checks_the_ca_and_says_who_asks(balanced):
    ca, port = balanced
    until(lambda: requests(ca, "/readyz"))
    assert {each["status"] for each in requests(ca, "/readyz")} == {200}
    assert ask(ca, port, "/v1/trust").status_code == 200
    until(lambda: requests(ca, "/v1/trust"))  # it is told after the answer
    (asked,) = requests(ca, "/v1/trust")
    assert asked["client"] == "127.0.0.9"


def test_without_a_header_nobody_gets_in_from_where_balancers_are(balanced):
    ca, _port = balanced
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"{ca.url}/v1/trust", verify=ca.trusting())
