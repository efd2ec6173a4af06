"""One real login, as far as it goes: no library between us and what the server says."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from pgward.core.errors import UnavailableError
from pgward.hba.login.link import EndedError, Link, Target, Tls, connected, secured
from pgward.hba.login.messages import Messages, beginning
from pgward.hba.login.outcome import Encryption, Outcome, Seen
from pgward.hba.login.shown import Shown
from pgward.pgwire import backend, frontend, scram
from pgward.pgwire.errors import WireError

_ALERT_SECONDS = 0.5
_MOST_MESSAGES = 500
_AUTHORIZATION = "28"  # the class of errors: invalid authorization specification


@dataclass(frozen=True, slots=True)
class Login:
    """As whom to what; without a database for physical replication.

    The password is given where it is asked for by SCRAM, in clear text only if ``plainly``; if
    ``relayed``, as somebody between client and server would, bound to another server's certificate.
    """

    user: str
    database: str | None
    password: str | None = None
    plainly: bool = False
    relayed: bool = False


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
            stream.send(beginning(login.user, login.database))
            return _Talk(stream, login).run()
    except EndedError as ended:
        return ended.seen
    except (OSError, UnavailableError, WireError) as error:
        return Seen(Outcome.BROKEN, str(error))


class _Talk:
    """The server's messages from the startup to the end of the login."""

    def __init__(self, stream: Link | Tls, login: Login) -> None:
        self._messages = Messages(stream)
        self._login = login
        self._binding = stream.binding()
        self._scram: scram.Client | None = None
        self._is_in = False

    def run(self) -> Seen:
        for _ in range(_MOST_MESSAGES):
            kind, body = self._messages.next()
            seen = self._answer(kind, body)
            if seen is not None:
                self._messages.send(frontend.terminate())
                return seen
        return Seen(Outcome.BROKEN, "the server goes on and on")

    def _answer(self, kind: bytes, body: bytes) -> Seen | None:
        if kind == backend.ERROR:
            fields = backend.read_fields(body)
            return self._failed(fields.get("C", ""), fields.get("M", ""))
        if kind == backend.AUTHENTICATION:
            return self._authenticate(*backend.read_authentication(body))
        if kind == backend.READY and self._is_in:
            return Seen(Outcome.IN, "" if self._scram is None else f"by {self._scram.mechanism}")
        if kind in b"NSKv" and (self._is_in or kind in b"Nv"):
            return None
        raise WireError("the server's answer is none to a login")

    def _failed(self, code: str, said: str) -> Seen:
        if self._is_in:
            return Seen(Outcome.AUTHENTICATED, said, code)
        if not code.startswith(_AUTHORIZATION):
            # Too many connections, say, or a server that is about to stop: it shows nothing.
            return Seen(Outcome.BROKEN, said, code)
        return Seen(Outcome.REFUSED, said, code)

    def _authenticate(self, asked: int, body: bytes) -> Seen | None:
        password = self._login.password
        if asked == backend.AUTH_OK:
            self._is_in = True
        elif asked == backend.AUTH_CLEAR_TEXT and password is not None and self._login.plainly:
            self._messages.send(frontend.password(password))
        elif asked == backend.AUTH_SASL and password is not None:
            return self._begin(password, backend.read_mechanisms(body))
        elif asked == backend.AUTH_SASL_GOES_ON and self._scram is not None:
            self._messages.send(frontend.sasl_response(self._scram.final(body)))
        elif asked == backend.AUTH_SASL_ENDS and self._scram is not None:
            self._scram.check(body)
        else:
            return _asks(asked)
        return None

    def _begin(self, password: str, offered: Collection[str]) -> Seen | None:
        """Begin SCRAM, bound to the TLS connection where both ends can."""
        binding = self._binding
        if self._login.relayed:
            if binding is None or scram.BOUND not in offered:
                return Seen(Outcome.NOT_TRIED, "the server offers no channel binding")
            binding = hashlib.sha256(binding).digest()
        nonce = secrets.token_hex(12)
        self._scram = scram.Client.choose(password.encode(), nonce, offered, binding)
        if self._scram is None:
            return _asks(backend.AUTH_SASL)
        self._messages.send(frontend.sasl_initial(self._scram.mechanism, self._scram.first()))
        return None


def _asks(asked: int) -> Seen:
    return Seen(Outcome.ASKED, _ASKED.get(asked, "a proof that is not known here"))


_ASKED = {
    backend.AUTH_CLEAR_TEXT: "a password in clear text",
    backend.AUTH_MD5: "a password (md5)",
    backend.AUTH_GSS: "GSSAPI",
    backend.AUTH_SSPI: "SSPI",
    backend.AUTH_SASL: "a password or token (SASL)",
}
