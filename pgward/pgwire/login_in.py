"""A login as a client sees it, once its startup packet is read: bytes in, bytes out.

``agree`` answers the protocol's version, ``PasswordIn`` asks for a password, ``welcome`` ends it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer
from pgward.pgwire.scram import Server, Verifier
from pgward.pgwire.startup import Startup

_MOST = 8 * 1024  # bytes of a client's proof; SCRAM's have 200


class Agreed(NamedTuple):
    """The minor version that both ends speak, and what to say of it, which may be nothing."""

    minor: int
    message: bytes


def agree(first: Startup, most: int = startup.LATEST_MINOR) -> Agreed:
    """Answer a startup packet's version and options, of which none is known here."""
    minor = min(first.minor, most)
    if minor == first.minor and not first.options:
        return Agreed(minor, b"")
    return Agreed(minor, startup.negotiate(minor, first.options))


def welcome(parameters: Mapping[str, str], key: tuple[int, bytes]) -> bytes:
    """Return the end of a login: it is authenticated, this is the session, it is ready."""
    said = [backend.authentication(backend.AUTH_OK)]
    said += [backend.parameter_status(name, text) for name, text in parameters.items()]
    said += [backend.key_data(*key), backend.ready()]
    return b"".join(said)


class PasswordIn:
    """Asks a client for a password that only its verifier is known of.

    By SCRAM-SHA-256, with -PLUS where the TLS connection has a ``binding``; or, if ``plain``, in
    clear text, which is for TLS connections only. An unknown user gets ``Verifier.mock``: clients
    cannot tell. ``nonce`` is random and printable, of letters other than a comma.

    ``outcome`` is None until it is known; ``rest`` is what a client sent behind its proof.
    Raises WireError for what is no answer, with the SQLSTATE to answer.
    """

    def __init__(self, verifier: str, *, binding: bytes | None, nonce: str, plain: bool) -> None:
        self._verifier = Verifier.read(verifier)
        self._server = Server(self._verifier, nonce, binding=binding)
        self._plain = plain
        self._framer = Framer(_MOST)
        self._step: Callable[[bytes], bytes] = self._clear_text if plain else self._first
        self.outcome: bool | None = None
        self.rest = b""

    def begin(self) -> bytes:
        """Return the question."""
        if self._plain:
            return backend.authentication(backend.AUTH_CLEAR_TEXT)
        return backend.authentication_sasl(self._server.mechanisms)

    def receive(self, data: bytes) -> bytes:
        """Take what came; return what to send, which may be nothing."""
        if self.outcome is not None:
            self.rest += data
            return b""
        self._framer.feed(data)
        return b"".join([self._take(*found) for found in iter(self._next, None)])

    def _next(self) -> tuple[bytes, bytes] | None:
        return self._framer.next() if self.outcome is None else None

    def _take(self, kind: bytes, body: bytes) -> bytes:
        if kind != frontend.PASSWORD:
            raise WireError(f"a password was expected, and a message {kind!r} came")
        return self._step(body)

    def _clear_text(self, body: bytes) -> bytes:
        self._end(is_right=self._verifier.fits(frontend.read_password(body)))
        return b""

    def _first(self, body: bytes) -> bytes:
        chosen = frontend.read_sasl_initial(body)
        self._step = self._final
        answer = self._server.first(chosen.mechanism, chosen.data or b"")
        return backend.authentication(backend.AUTH_SASL_GOES_ON, answer)

    def _final(self, body: bytes) -> bytes:
        said = self._server.final(body)
        self._end(is_right=said is not None)
        return b"" if said is None else backend.authentication(backend.AUTH_SASL_ENDS, said)

    def _end(self, *, is_right: bool) -> None:
        self.outcome = is_right
        self.rest = self._framer.rest()
