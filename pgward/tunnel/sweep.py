"""Sessions whose socket has failed unseen.

libuv stops watching a descriptor at EPOLLERR and calls its reader once. When data lies
before the error (a peer was killed, and its kernel reset the connection), that one call
reads the data, and nobody would ever hear of the end. Asking the kernel now and then costs
the hot path nothing.
"""

import select
from collections.abc import Iterable

from pgward.tunnel.relay import Relay

SWEEP_SECONDS = 15.0


def sweep(relays: Iterable[Relay | None]) -> None:
    """Let each relay with a failed socket read on to its end."""
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    owners: dict[int, Relay] = {}
    for relay in relays:
        if relay is not None:
            for fd in relay.descriptors:
                owners[fd] = relay
                poll.register(fd, 0)  # errors are always reported (poll(2))
    for fd, events in poll.poll(0):
        if events & select.POLLERR:
            owners[fd].read_on(fd)
