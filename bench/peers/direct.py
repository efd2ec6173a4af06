"""No proxy, no TLS: the ceiling."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.peers.base import Peer, Site


@contextmanager
def start(site: Site) -> Iterator[Peer]:
    """Connect straight to PostgreSQL."""
    with site.link(site.upstream) as address:
        yield Peer("direct", address)
