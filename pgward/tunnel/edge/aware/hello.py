"""What a client wants by its first packets: a session, or the end of another one's query."""

from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.startup import Cancel, GssencRequest, SslRequest, Startup
from pgward.tunnel.edge.aware.talk import Talk
from pgward.tunnel.preface import Reason, RefusedError

_NO = b"N"
_TERMINATE = b"X"  # begins what node-postgres says when it is ended before it began


async def hear(talk: Talk) -> Startup | Cancel:
    """Return the packet that says it; raise WireError, or OSError when the client is gone.

    Whoever asks for TLS or GSSAPI here has TLS already, and is told so: with ``sslmode=prefer``,
    libpq asks through a tunnel, too.
    """
    while True:
        if talk.unread.startswith(_TERMINATE):
            raise ConnectionResetError("the client left before its session began")
        first = startup.read(talk.unread)
        if first is None:
            await talk.more()
            continue
        talk.take(first.size)
        if not isinstance(first, SslRequest | GssencRequest):
            return first
        await talk.say(_NO)


def of_wire(error: WireError) -> RefusedError:
    """Return what to tell a client whose bytes make no sense."""
    return RefusedError(Reason.PROTOCOL, error.message, hint=error.hint, sqlstate=error.sqlstate)
