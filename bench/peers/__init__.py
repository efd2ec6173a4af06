"""The peers: what a client connects to in each, and the processes of its hops."""

from bench.peers import direct, haproxy, pgward, stunnel
from bench.peers.base import Link, Peer, Site, Starter, straight

STARTERS: dict[str, Starter] = {
    "direct": direct.start,
    "haproxy": haproxy.start,
    "haproxy-1": haproxy.start_one_thread,
    "haproxy-full": haproxy.start_full_handshakes,
    "stunnel": stunnel.start,
    "pgward": pgward.start,
}

__all__ = ["STARTERS", "Link", "Peer", "Site", "Starter", "straight"]
