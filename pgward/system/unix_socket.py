"""Unix sockets: paths that the kernel takes, and whose process is at the other end.

Imported by commands that must start at once: nothing of weight is imported here.
"""

import os
import socket
import struct
import sys

from pgward.core.errors import InvalidInputError

_LONGEST = 103  # sun_path holds 104 bytes on BSD and macOS, 108 on Linux
_UCRED = struct.Struct("=iII")  # pid, uid, gid (unix(7))
_XUCRED = struct.Struct("=II")  # cr_version, cr_uid (macOS, sys/ucred.h)
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2


def unix_path(path: "os.PathLike[str] | str") -> str:
    """Return a socket path that the kernel takes; raise InvalidInputError when it is too long."""
    text = os.fspath(path)
    if len(os.fsencode(text)) > _LONGEST:
        text = os.path.relpath(text)
    if len(os.fsencode(text)) > _LONGEST:
        raise InvalidInputError(
            f"the path of a Unix socket is too long: {path}", hint="set PGWARD_HOME to a short path"
        )
    return text


def peer(connection: socket.socket) -> tuple[int | None, int]:
    """Return pid (None where the system does not tell) and uid of the peer; raise OSError."""
    if sys.platform == "darwin":
        credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
        pid = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
        return pid or None, int(_XUCRED.unpack(credentials)[1])
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(credentials)
    return int(pid) or None, int(uid)


def mine(connection: socket.socket) -> bool:
    """Tell whether the peer is a process of this user."""
    try:
        return peer(connection)[1] == os.geteuid()
    except OSError:
        return False
