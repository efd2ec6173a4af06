"""How many bytes a connection carried, as the kernel has counted them: the relay need not.

Linux tells by TCP_INFO (``struct tcp_info``, linux/tcp.h), macOS by TCP_CONNECTION_INFO
(``struct tcp_connection_info``, netinet/tcp.h).
"""

import socket
import struct
import sys

_TCP_CONNECTION_INFO = 0x106
_LINUX = struct.Struct("=QQ")  # tcpi_bytes_acked, tcpi_bytes_received
_LINUX_AT = 120
_MACOS = struct.Struct("=QQQQ")  # txbytes, txretransmitbytes, rxpackets, rxbytes
_MACOS_AT = 64
_MOST = 256


def counted(connection: socket.socket) -> tuple[int, int] | None:
    """Return the bytes that came and that went (and were taken); None where nobody counts."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    darwin = sys.platform == "darwin"
    option = _TCP_CONNECTION_INFO if darwin else getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, option, _MOST)
    except OSError:
        return None  # it has just ended
    if darwin:
        return _of_macos(info)
    if len(info) < _LINUX_AT + _LINUX.size:
        return None  # a kernel before 4.1
    acked, received = _LINUX.unpack_from(info, _LINUX_AT)
    return int(received), int(acked)


def _of_macos(info: bytes) -> tuple[int, int] | None:
    if len(info) < _MACOS_AT + _MACOS.size:
        return None
    sent, _, _, received = _MACOS.unpack_from(info, _MACOS_AT)
    return int(received), int(sent)
