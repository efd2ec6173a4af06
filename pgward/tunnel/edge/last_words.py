"""What a client, and the tunnel that it came through, are told last."""

import asyncio
import contextlib
import logging
import ssl
from typing import Final

from pgward.pgwire import startup
from pgward.tunnel import pgerror
from pgward.tunnel.preface import Controls, Reason, RefusedError
from pgward.tunnel.relay import BUFFER_SIZE
from pgward.tunnel.tls import TlsConnection, read_some, write_all

log = logging.getLogger("pgward.edge")

HEAR_OUT_SECONDS: Final = 3.0
_NO: Final = b"N"
_TRIED_AGAIN: Final = (Reason.STOPPING, Reason.EXPIRED, Reason.STEP_UP)
# A tunnel does something about these, and has words of its own for them.
_MENDED: Final = (*_TRIED_AGAIN, Reason.REVOKED)


class LastWords:
    """Speaks on one link, whose session ends or never begins; whoever calls closes it then."""

    __slots__ = ("_address", "_controls", "_tls")

    def __init__(self, tls: TlsConnection, controls: Controls | None, address: str) -> None:
        self._tls = tls
        self._controls = controls
        self._address = address

    def refuse(self, refusal: RefusedError) -> None:
        """Tell a client in PostgreSQL's words why it gets no session, and its tunnel."""
        if not self._is_tried_again(refusal):
            said = pgerror.fatal(refusal.message, refusal.hint, sqlstate=refusal.sqlstate)
            self._say(said)
        self.end(refusal)

    def end(self, refusal: RefusedError) -> None:
        """Tell a tunnel why its session ends, in the words that its client hears."""
        if refusal.reason in _MENDED:
            self.cut(refusal.reason)
        elif self._controls is not None:
            for record in self._controls.cut_by(refusal):
                self._say(record)

    def cut(self, reason: Reason) -> None:
        """Tell a tunnel why its link ends, on which no session runs."""
        if self._controls is not None:
            self._say(self._controls.cut(reason))

    async def hear_out(self, refusal: RefusedError) -> None:
        """Answer a question for encryption, and wait for the login that follows.

        libpq shows no error that comes as the answer to the question (CVE-2024-10977).
        """
        if self._is_tried_again(refusal):
            return
        with contextlib.suppress(TimeoutError, OSError):  # then nobody is there to be told
            async with asyncio.timeout(HEAR_OUT_SECONDS):
                await write_all(self._tls, _NO)
                await read_some(self._tls, BUFFER_SIZE)

    def _is_tried_again(self, refusal: RefusedError) -> bool:
        """Tell whether a tunnel takes its client to another edge, or here again.

        It does so with a newer certificate, or after a step-up, if nothing at all comes back.
        """
        return self._controls is not None and refusal.reason in _TRIED_AGAIN

    def _say(self, last_words: bytes) -> None:
        try:
            self._tls.write(last_words)
        except (ssl.SSLError, OSError) as error:
            log.debug("%s could not be told why: %s", self._address, error)


def asks_for_encryption(first: bytes) -> bool:
    """Tell whether a client's first bytes are the question for encryption and nothing else."""
    return first in (startup.ssl_request(), startup.gssenc_request())
