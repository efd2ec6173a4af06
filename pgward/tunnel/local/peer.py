"""Whose process is at the other end of a loopback connection.

Other people on the same machine must not use a person's tunnel. Linux answers for one
connection at once through sock_diag(7); elsewhere the processes of this user are searched.
"""

import errno
import os
import socket
import struct

import psutil

_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_HEADER = struct.Struct("=IHHII")
_OWNER = struct.Struct("=II")  # idiag_uid, idiag_inode
_UID_OFFSET = _HEADER.size + 4 + 48 + 12  # past idiag_family…retrans, sockid, expires…wqueue

_NETLINK_SOCK_DIAG = 4


def is_mine(connection: socket.socket) -> bool:
    """Tell whether an accepted loopback connection comes from a process of this user."""
    if connection.family == socket.AF_UNIX:
        return True  # the socket lies in a directory that only this user can enter
    if hasattr(socket, "AF_NETLINK"):
        try:
            return _peer_uid(connection) == os.getuid()
        except OSError as error:
            if error.errno != errno.EPROTONOSUPPORT:  # a sandbox without sock_diag
                raise
    return _among_my_processes(connection)


def _peer_uid(connection: socket.socket) -> int | None:
    """Return the uid that owns the peer's socket; None when the kernel knows none."""
    family = connection.family
    local, remote = connection.getpeername(), connection.getsockname()
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + _socket_id(
        family, local, remote
    )
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.sendto(header + request, (0, 0))
        answer = netlink.recv(4096)
    kind = _HEADER.unpack_from(answer)[1]
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _UID_OFFSET + _OWNER.size:
        return None
    uid, inode = _OWNER.unpack_from(answer, _UID_OFFSET)
    # A socket that its process has closed has no inode, and on older kernels root's uid.
    return int(uid) if inode else None


def _socket_id(family: int, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    def packed(host: str) -> bytes:
        return socket.inet_pton(family, host).ljust(16, b"\0")

    return (
        struct.pack("!HH", source[1], target[1])
        + packed(source[0])
        + packed(target[0])
        + struct.pack("=I", 0)
        + _NO_COOKIE
    )


def _among_my_processes(connection: socket.socket) -> bool:
    # With the addresses: the same ports at 127.0.0.2 may be another user's.
    wanted = connection.getpeername()[:2], connection.getsockname()[:2]
    me = psutil.Process().username()
    for process in psutil.process_iter():
        try:
            ends = process.net_connections(kind="tcp") if process.username() == me else []
        except psutil.Error:  # it ended meanwhile, or may not be looked into
            continue
        if any(
            (tuple(e.laddr), tuple(e.raddr)) == wanted
            for e in ends
            if e.status == psutil.CONN_ESTABLISHED
        ):
            return True
    return False
