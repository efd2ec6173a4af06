"""A login at a backend, from the startup packet to the first ReadyForQuery: bytes in, bytes out."""

from collections.abc import Callable, Mapping

from pgward.pgwire import backend, frontend, md5, scram, startup
from pgward.pgwire.body import encoded
from pgward.pgwire.demands import Demands, Tls
from pgward.pgwire.errors import (
    LoginFailedError,
    NotAdmittedError,
    VersionRefusedError,
    WireError,
)
from pgward.pgwire.framing import HEADER, Framer, message

_MOST = 1024 * 1024  # bytes of all that is said at a login
_MOST_NOTICES = 100
_MOST_CRUDE = 1000
_SALT = 4
# What a server that does not know a version may answer; others are its word on the login itself.
_OF_VERSIONS = ("", "08", "0A", "XX")
# invalid_authorization_specification: no line of pg_hba.conf, or one that rejects.
_NOT_ADMITTED = "28000"
_CODES = "SVC"  # fields that are no prose
_ANY = Demands()


class LoginOut:
    """One login as the frontend; ``parameters`` are those of the startup packet.

    ``demands`` says which proofs are given over which ``tls``. ``binding`` is that connection's
    (``binding.end_point``), None where it has none. ``nonce`` is random and printable. A
    ``salting`` that remembers its keys spares most of the CPU time.

    When ``done``: ``parameters`` are what the server reported, ``key`` what cancels (with an empty
    key where there is none), ``notices`` whole messages, ``rest`` what came behind ReadyForQuery,
    ``minor`` and ``unrecognised`` what was negotiated, ``method`` how it proved who it is.

    Raises LoginFailedError where the server says no, VersionRefusedError where a server of old
    may have said no to the version only, NotAdmittedError where it asked for nothing before,
    UnwantedError where it asks for what it does not get, WireError where it makes no sense. No
    error, and no notice, ever quotes the password.
    """

    def __init__(
        self,
        parameters: Mapping[str, str],
        *,
        password: bytes | None,
        tls: Tls,
        binding: bytes | None,
        minor: int = 0,
        nonce: str,
        demands: Demands = _ANY,
        salting: scram.Salting = scram.salted,
    ) -> None:
        self._asked = dict(parameters)
        self._asked_minor = minor
        self._password = password
        self._tls = tls
        self._binding = None if demands.binding == "disable" else binding
        self._nonce = nonce
        self._demands = demands
        self._salting = salting
        self._framer = Framer()
        self._scram: scram.Client | None = None
        self._step: Callable[[bytes, bytes], bytes] = self._before_authentication
        self._total = 0
        self._has_spoken = False
        self.done = False
        self.minor = minor
        self.method = "none"
        self.parameters: dict[str, str] = {}
        self.unrecognised: tuple[str, ...] = ()
        self.key: tuple[int, bytes] = (0, b"")
        self.notices: list[bytes] = []
        self.rest = b""

    def begin(self) -> bytes:
        """Return the startup packet; raise WireError when it is too long."""
        return startup.startup(self._asked, self._asked_minor)

    def receive(self, data: bytes) -> bytes:
        """Take what came; return what to send, which may be nothing."""
        if self.done:
            self.rest += data
            return b""
        self._total += len(data)
        if self._total > _MOST:
            raise WireError("PostgreSQL goes on and on at a login")
        self._framer.feed(data)
        return b"".join([self._take(*found) for found in iter(self._next, None)])

    def ended(self) -> LoginFailedError:
        """Return the error for a connection that ended before the login did."""
        if self._asked_minor and not self._has_spoken:
            return VersionRefusedError("PostgreSQL closed the connection at a newer protocol")
        return LoginFailedError("PostgreSQL closed the connection before the login was complete")

    def _next(self) -> tuple[bytes, bytes] | None:
        try:
            return None if self.done else self._framer.next()
        except WireError:
            if self._has_spoken or not self._may_be_crude():
                raise
            return None

    def _may_be_crude(self) -> bool:
        """Tell whether an error without a length may have begun; raise it when it is complete."""
        data = self._framer.rest()
        said = backend.crude_error(data)
        if said is not None:
            raise LoginFailedError(self._masked(said), fields={"M": self._masked(said)})
        self._framer.feed(data)
        return data.startswith(backend.ERROR) and b"\0" not in data and len(data) < _MOST_CRUDE

    def _take(self, kind: bytes, body: bytes) -> bytes:
        if kind == backend.ERROR:
            raise self._failed(backend.read_fields(body))
        self._has_spoken = True
        if kind == backend.NOTICE:
            self._notice(body)
            return b""
        return self._step(kind, body)

    def _failed(self, fields: Mapping[str, str]) -> LoginFailedError:
        found = {
            letter: text if letter in _CODES else self._masked(text)
            for letter, text in fields.items()
        }
        text = found.get("M", "PostgreSQL refused the login without a word")
        is_first = self._asked_minor and not self._has_spoken
        if is_first and found.get("C", "")[:2] in _OF_VERSIONS:
            return VersionRefusedError(text, fields=found)
        if found.get("C") == _NOT_ADMITTED and not self._has_spoken:
            return NotAdmittedError(text, fields=found, hint=found.get("H"))
        return LoginFailedError(text, fields=found, hint=found.get("H"))

    def _masked(self, text: str) -> str:
        """Return a server's words without the password, which some server might repeat."""
        password = (self._password or b"").decode("utf-8", "replace")
        return text.replace(password, "***") if password else text

    def _notice(self, body: bytes) -> None:
        backend.read_fields(body)
        if len(self.notices) < _MOST_NOTICES and not (self._password and self._password in body):
            self.notices.append(message(backend.NOTICE, body))

    def _before_authentication(self, kind: bytes, body: bytes) -> bytes:
        if kind == backend.NEGOTIATE:
            self._negotiated(backend.read_negotiation(body))
            return b""
        return self._authentication(kind, body)

    def _negotiated(self, found: backend.Negotiation) -> None:
        if found.minor > self._asked_minor or not set(found.unrecognised) <= self._asked.keys():
            raise WireError("PostgreSQL negotiates what nobody asked for")
        self.minor, self.unrecognised = found
        self._step = self._authentication

    def _authentication(self, kind: bytes, body: bytes) -> bytes:
        if kind != backend.AUTHENTICATION:
            raise _unexpected(kind)
        self._step = self._authentication
        asked, data = backend.read_authentication(body)
        if asked == backend.AUTH_OK:
            return self._authenticated()
        if self._scram is not None:
            return self._goes_on(self._scram, asked, data)
        if self.method != "none":
            raise WireError("PostgreSQL asks for a password again")
        answer = _ANSWERS.get(asked)
        if answer is None:
            raise self._unable(_METHODS.get(asked, f"authentication method {asked}"))
        if self._password is None:
            raise LoginFailedError(
                f"PostgreSQL asks for a password ({_METHODS[asked]}), and none is known here"
            )
        return answer(self, self._password, data)

    def _clear_text(self, password: bytes, _: bytes) -> bytes:
        self._demands.check("password", self._tls)
        self.method = "password"
        return frontend.password(password)

    def _md5(self, password: bytes, salt: bytes) -> bytes:
        self._demands.check("md5", self._tls)
        if len(salt) != _SALT:
            raise WireError("PostgreSQL's MD5 salt is none")
        self.method = "md5"
        return frontend.password(md5.response(encoded(self._asked["user"]), password, salt))

    def _sasl(self, password: bytes, data: bytes) -> bytes:
        offered = backend.read_mechanisms(data)
        chosen = scram.Client.choose(
            password, self._nonce, offered, self._binding, salting=self._salting
        )
        if chosen is None:
            raise self._unable(", ".join(offered))
        is_bound = chosen.mechanism == scram.BOUND
        self._demands.check("scram-sha-256", self._tls, is_bound=is_bound)
        self._scram, self.method = chosen, chosen.mechanism
        return frontend.sasl_initial(chosen.mechanism, chosen.first())

    def _goes_on(self, exchange: scram.Client, asked: int, data: bytes) -> bytes:
        if asked == backend.AUTH_SASL_GOES_ON:
            return frontend.sasl_response(exchange.final(data))
        if asked == backend.AUTH_SASL_ENDS:
            exchange.check(data)
            return b""
        raise WireError("PostgreSQL leaves SCRAM in the middle")

    def _authenticated(self) -> bytes:
        if self._scram is not None and not self._scram.is_proved:
            raise LoginFailedError("PostgreSQL did not prove that it knows the password")
        if self.method == "none":
            self._demands.check("none", self._tls)
        self._step = self._after_authentication
        return b""

    def _after_authentication(self, kind: bytes, body: bytes) -> bytes:
        if kind == backend.PARAMETER_STATUS:
            name, text = backend.read_parameter_status(body)
            self.parameters[name] = text
        elif kind == backend.KEY_DATA:
            # Some poolers send a process id and no key: nothing can be cancelled there.
            is_without = len(body) < HEADER - 1 + startup.LEAST_KEY
            self.key = (0, b"") if is_without else backend.read_key_data(body)
        elif kind == backend.READY:
            backend.read_ready(body)
            self.done, self.rest = True, self._framer.rest()
        else:
            raise _unexpected(kind)
        return b""

    @staticmethod
    def _unable(method: str) -> LoginFailedError:
        return LoginFailedError(
            f"PostgreSQL asks for {method}, which is not spoken here",
            hint="have it use cert, scram-sha-256, md5 or password",
        )


_ANSWERS: Mapping[int, Callable[[LoginOut, bytes, bytes], bytes]] = {
    backend.AUTH_CLEAR_TEXT: LoginOut._clear_text,  # noqa: SLF001 - a table of its methods
    backend.AUTH_MD5: LoginOut._md5,  # noqa: SLF001
    backend.AUTH_SASL: LoginOut._sasl,  # noqa: SLF001
}

_METHODS: Mapping[int, str] = {
    backend.AUTH_KERBEROS: "Kerberos 5",
    backend.AUTH_CLEAR_TEXT: "in clear text",
    backend.AUTH_MD5: "md5",
    backend.AUTH_GSS: "GSSAPI",
    backend.AUTH_SSPI: "SSPI",
    backend.AUTH_SASL: "SASL",
}


def _unexpected(kind: bytes) -> WireError:
    return WireError(f"PostgreSQL sends a message {kind!r} in the middle of a login")
