"""Ports that a part must know before it listens on them."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"


@contextmanager
def reserved() -> Iterator[int]:
    """Give a free port that nobody else is given meanwhile.

    It is bound, but not listening: Linux lets a server that sets SO_REUSEADDR, as all of ours
    do, bind it too (socket(7)), yet gives it to nobody who asks for any free port. Other systems
    would refuse our server, so there the port is only chosen.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port
