"""A message that is too large for one frame: passed on as it comes, on tape in pieces."""

from pgward.audit.redact_pieces import PieceRedactor
from pgward.audit.tape.frames import PIECE, piece
from pgward.tunnel.aware.pending import Pending


class Pieces:
    """One message of ``total`` bytes; ``dropped`` says that it goes on tape, but no further.

    The tape is a little behind what is passed on, as secrets are masked, until the last piece
    comes, without which PostgreSQL does nothing.
    """

    __slots__ = ("_offset", "_pending", "_redactor", "_total", "dropped", "left")

    def __init__(self, pending: Pending, total: int, *, dropped: bool) -> None:
        self._pending = pending
        self._redactor = PieceRedactor()
        self._offset = 0
        self._total = total
        self.left = total
        self.dropped = dropped

    def take(self, data: memoryview) -> None:
        """Take the next bytes."""
        pending, redactor = self._pending, self._redactor
        self.left -= len(data)
        block = redactor.feed(data)
        if not self.left:
            block += redactor.end()
        if redactor.found:
            pending.hide()
        if block:
            pending.append(PIECE, pending.session, piece(self._offset, self._total, block))
            self._offset += len(block)
