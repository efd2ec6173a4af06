"""What a client says before its session runs: read as it comes, within bounds."""

from pgward.tunnel.preface import CONTROL_SIZE, Controls
from pgward.tunnel.tls import TlsConnection, read_some, write_all

# Far more than a startup packet or any answer in a login has (manual, chapter 54.7).
MOST_UNREAD = 64 * 1024
_RECORD = 16 * 1024


class Talk:
    """A client's bytes before a relay takes over; ``unread`` is what was read and not used yet."""

    def __init__(
        self, tls: TlsConnection, first: bytes = b"", controls: Controls | None = None
    ) -> None:
        self._tls = tls
        self._controls = controls
        self.unread = first

    async def more(self) -> None:
        """Wait for more to be ``unread``; raise OSError, also when the client has ended."""
        record = b"" if len(self.unread) > MOST_UNREAD else await read_some(self._tls, _RECORD)
        if not record or self._is_control(record):
            raise ConnectionResetError("the client left before its session began")
        self.unread += record

    def take(self, size: int) -> bytes:
        """Return so many of the unread bytes, which count as used from now on."""
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    async def say(self, data: bytes) -> None:
        """Send all of it; raise OSError."""
        await write_all(self._tls, data)

    def _is_control(self, record: bytes) -> bool:
        controls = self._controls
        return (
            controls is not None
            and len(record) == CONTROL_SIZE
            and record.startswith(controls.marker)
        )
