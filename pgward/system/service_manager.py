"""Telling systemd, or whoever speaks its protocol, how a service fares (sd_notify(3))."""

import os
import socket

_VARIABLE = "NOTIFY_SOCKET"


def tell(state: str) -> bool:
    """Send a state, say ``READY=1``; False when nobody wants to know it."""
    address = os.environ.get(_VARIABLE, "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False  # it is gone, and asks nothing any more
    return True
