"""The peers: what a client connects to in each, and the processes of its hops."""

from bench.peers import aware, direct, haproxy, pgbouncer, pgward, stunnel
from bench.peers.base import Link, Peer, Site, Starter, straight

STARTERS: dict[str, Starter] = {
    "direct": direct.start,
    "haproxy": haproxy.start,
    "haproxy-1": haproxy.start_one_thread,
    "haproxy-full": haproxy.start_full_handshakes,
    "stunnel": stunnel.start,
    "pgward": pgward.start,
    "edge-tcp": aware.start_tcp,
    "edge-aware": aware.start_aware,
    "edge-aware-tls": aware.start_aware_tls,
    "pgbouncer": pgbouncer.start,
}

__all__ = ["STARTERS", "Link", "Peer", "Site", "Starter", "straight"]
