"""A pair of HAProxy processes with mutual TLS between them (HAProxy 2.6 configuration manual)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.peers.base import Peer, Site
from bench.processes import free_port, running, wait_listening
from pgward.core.address import Address

# What both ends have in common, with the reasons:
# - nbthread: HAProxy's default is a thread a core, two on the machine this was tuned on. One
#   thread does better at few clients there, so that `haproxy-1` is measured as well.
# - no log: neither stunnel nor pgward logs connections at its default level to anything slow.
# - long timeouts, as a database session idles for hours.
# - tcp-smart-connect and tcp-smart-accept save an ACK packet a connection; clitcpka and srvtcpka
#   switch keepalive on, as the other peers do. TCP_NODELAY is HAProxy's default.
# - splicing is left out: the kernel cannot splice what user space encrypts.
# - TLS session resumption stays on, HAProxy's default: a connection after the first skips the
#   certificate exchange. (pgward does a full handshake each time, see docs/concepts.)
# - buffers, record sizes and cipher order stay at their defaults: all peers then agree on
#   TLS_AES_256_GCM_SHA384 with X25519.
_COMMON = """\
global
    nbthread {threads}
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3

defaults
    mode tcp
    no log
    timeout connect 5s
    timeout client 12h
    timeout server 12h
    option tcp-smart-accept
    option tcp-smart-connect
    option clitcpka
    option srvtcpka

"""
_CLIENT = """\
listen postgres
    bind {listen}
    server edge {edge} ssl verify required ca-file {roots} crt {identity} \
verifyhost {name} sni str({name}){reuse}
"""
_EDGE = """\
listen edge
    bind {listen} ssl crt {identity} ca-file {roots} verify required
    server postgres {upstream}
"""


@contextmanager
def start(
    site: Site, *, threads: int = 2, name: str = "haproxy", resume: bool = True
) -> Iterator[Peer]:
    """Run the pair; each end has ``threads`` threads, and TLS sessions are resumed or not."""
    listen, edge = (Address("127.0.0.1", free_port()) for _ in range(2))
    certificates, common = site.certificates, _COMMON.format(threads=threads)
    edge_file = common + _EDGE.format(
        listen=edge,
        identity=certificates.server.both,
        roots=certificates.user_roots,
        upstream=site.upstream,
    )
    with _instance(site.directory, "edge", edge_file, edge) as edge_pid, site.link(edge) as reached:
        client_file = common + _CLIENT.format(
            listen=listen,
            edge=reached,
            identity=certificates.client.both,
            roots=certificates.server_roots,
            name=certificates.server_name,
            reuse="" if resume else " no-ssl-reuse",
        )
        with _instance(site.directory, "client", client_file, listen) as client_pid:
            yield Peer(
                name,
                listen,
                {"client": (client_pid,), "edge": (edge_pid,)},
                {"client haproxy.cfg": client_file, "edge haproxy.cfg": edge_file},
            )


start_one_thread = partial(start, threads=1, name="haproxy-1")
start_full_handshakes = partial(start, threads=1, name="haproxy-full", resume=False)


@contextmanager
def _instance(directory: Path, name: str, text: str, listen: Address) -> Iterator[int]:
    configuration, log = directory / f"{name}.cfg", directory / f"{name}.log"
    configuration.write_text(text)
    with running(["haproxy", "-db", "-f", configuration], log) as process:
        wait_listening(listen, process, log)
        yield process.pid
