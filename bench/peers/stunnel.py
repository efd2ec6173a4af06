"""A pair of stunnel processes with mutual TLS between them (stunnel manual, stunnel(8))."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.base import Peer, Site
from bench.processes import free_port, running, wait_listening
from pgward.core.address import Address

# - verifyChain is today's name of verify = 2: a certificate is required and its chain checked.
# - TIMEOUTclose = 0: do not wait a minute for a close_notify that the other end may never send.
# - TCP_NODELAY on both sides, or small messages wait for Nagle; keepalive as the other peers.
# - debug = warning and no syslog: logging each connection would slow it down.
# - sessions are cached and resumed, and one thread serves each connection: its defaults.
_COMMON = """\
foreground = yes
pid =
syslog = no
debug = warning
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
socket = l:SO_KEEPALIVE=1
socket = r:SO_KEEPALIVE=1

[postgres]
sslVersionMin = TLSv1.3
verifyChain = yes
TIMEOUTclose = 0
accept = {listen}
connect = {connect}
cert = {certificate}
key = {key}
CAfile = {roots}
"""
_CLIENT = """\
client = yes
sni = {name}
checkHost = {name}
"""


@contextmanager
def start(site: Site) -> Iterator[Peer]:
    """Run the pair."""
    listen, edge = (Address("127.0.0.1", free_port()) for _ in range(2))
    certificates = site.certificates
    edge_file = _COMMON.format(
        listen=edge,
        connect=site.upstream,
        certificate=certificates.server.certificate,
        key=certificates.server.key,
        roots=certificates.user_roots,
    )
    with _instance(site.directory, "edge", edge_file, edge) as edge_pid, site.link(edge) as reached:
        client_file = _COMMON.format(
            listen=listen,
            connect=reached,
            certificate=certificates.client.certificate,
            key=certificates.client.key,
            roots=certificates.server_roots,
        ) + _CLIENT.format(name=certificates.server_name)
        with _instance(site.directory, "client", client_file, listen) as client_pid:
            yield Peer(
                "stunnel",
                listen,
                {"client": (client_pid,), "edge": (edge_pid,)},
                {"client stunnel.conf": client_file, "edge stunnel.conf": edge_file},
            )


@contextmanager
def _instance(directory: Path, name: str, text: str, listen: Address) -> Iterator[int]:
    configuration, log = directory / f"{name}.conf", directory / f"{name}.log"
    configuration.write_text(text)
    with running(["stunnel", configuration], log) as process:
        wait_listening(listen, process, log)
        yield process.pid
