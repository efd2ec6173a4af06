"""One real login, as far as it goes: no library between us and what the server says."""

import secrets
from dataclasses import dataclass

from pgward.core.errors import UnavailableError
from pgward.hba.prove import scram, wire
from pgward.hba.prove.link import EndedError, Link, Target, Tls, connected, secured
from pgward.hba.prove.outcome import Encryption, Outcome, Seen
from pgward.hba.prove.shown import Shown
from pgward.hba.prove.wire import BadMessageError

_ALERT_SECONDS = 0.5
_MOST_MESSAGES = 500
_AUTHORIZATION = "28"  # the class of errors: invalid authorization specification


@dataclass(frozen=True, slots=True)
class Login:
    """As whom to what; without a database for physical replication.

    The password is given where it is asked for by SCRAM, in clear text only if ``plainly``.
    """

    user: str
    database: str | None
    password: str | None = None
    plainly: bool = False


def attempt(target: Target, encryption: Encryption, shown: Shown | None, login: Login) -> Seen:
    """Try a login; it always ends, in seconds, whatever the server does."""
    seen = _try(target, encryption, shown, login, patience=0.0)
    if seen.outcome is Outcome.BROKEN and shown is not None:
        # Its words were lost with what we had sent already: listen first.
        return _try(target, encryption, shown, login, patience=_ALERT_SECONDS)
    return seen


def _try(
    target: Target, encryption: Encryption, shown: Shown | None, login: Login, *, patience: float
) -> Seen:
    try:
        with connected(target) as link:
            stream: Link | Tls = link
            if encryption is not Encryption.NONE:
                stream = secured(link, encryption, shown)
                stream.listen(patience)
            stream.send(wire.startup(login.user, login.database))
            return _Talk(stream, login).run()
    except EndedError as ended:
        return ended.seen
    except (OSError, BadMessageError, UnavailableError) as error:
        return Seen(Outcome.BROKEN, str(error))


class _Talk:
    """The server's messages from the startup to the end of the login."""

    def __init__(self, stream: Link | Tls, login: Login) -> None:
        self._stream = stream
        self._login = login
        self._reader = wire.Reader()
        self._scram: scram.Client | None = None
        self._is_in = False

    def run(self) -> Seen:
        for _ in range(_MOST_MESSAGES):
            kind, body = self._next()
            seen = self._answer(kind, body)
            if seen is not None:
                self._stream.send(wire.message(b"X"))
                return seen
        return Seen(Outcome.BROKEN, "the server goes on and on")

    def _next(self) -> tuple[bytes, bytes]:
        while (found := self._reader.next()) is None:
            said = self._stream.receive()
            if not said:
                raise UnavailableError("the server closed the connection without an answer")
            self._reader.feed(said)
        return found

    def _answer(self, kind: bytes, body: bytes) -> Seen | None:
        if kind == b"E":
            return self._failed(*wire.error(body))
        if kind == b"R":
            return self._authenticate(wire.number(body), body[4:])
        if kind == b"Z" and self._is_in:
            return Seen(Outcome.IN)
        if kind in b"NSKv" and (self._is_in or kind in b"Nv"):
            return None
        raise BadMessageError("the server's answer is none to a login")

    def _failed(self, code: str, said: str) -> Seen:
        if self._is_in:
            return Seen(Outcome.AUTHENTICATED, said, code)
        if not code.startswith(_AUTHORIZATION):
            # Too many connections, say, or a server that is about to stop: it shows nothing.
            return Seen(Outcome.BROKEN, said, code)
        return Seen(Outcome.REFUSED, said, code)

    def _authenticate(self, asked: int, body: bytes) -> Seen | None:
        password = self._login.password
        if asked == 0:
            self._is_in = True
        elif asked == 3 and password is not None and self._login.plainly:  # noqa: PLR2004 - manual
            self._stream.send(wire.message(b"p", password.encode() + b"\0"))
        elif asked == 10 and password is not None and scram.MECHANISM in wire.words(body):  # noqa: PLR2004 - as above
            self._scram = scram.Client(password, secrets.token_hex(12))
            self._stream.send(wire.sasl_initial(scram.MECHANISM, self._scram.first()))
        elif asked == 11 and self._scram is not None:  # noqa: PLR2004 - as above
            self._stream.send(wire.message(b"p", self._scram.final(body)))
        elif asked == 12 and self._scram is not None:  # noqa: PLR2004 - as above
            self._scram.check(body)
        else:
            return Seen(Outcome.ASKED, _ASKED.get(asked, "a proof that is not known here"))
        return None


_ASKED = {
    3: "a password in clear text",
    5: "a password (md5)",
    7: "GSSAPI",
    9: "SSPI",
    10: "a password or token (SASL)",
}
