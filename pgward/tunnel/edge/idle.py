"""Links that have carried no session for long: closed, so that nobody holds them for nothing.

The edge says nothing: to a tunnel, whose pool fills itself again, it is no event. The time
is the event loop's own, so a clock that jumps closes nobody.
"""

import logging

from pgward.tunnel.edge.links import Links

log = logging.getLogger("pgward.edge")

LOOK_SECONDS = 15.0


def close_idle(links: Links, timeout: float) -> None:
    """Close the links that have waited ``timeout`` seconds; look again after a while."""
    oldest = links.loop.time() - timeout
    for link in tuple(links.live):
        if not link.in_session and link.idle_since <= oldest:
            log.debug("%s had no session for %g s", link.address, timeout)
            link.close()
    links.loop.call_later(min(timeout / 2, LOOK_SECONDS), close_idle, links, timeout)
