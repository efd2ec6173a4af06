"""What must hold for any bytes at all: each target takes some, and raises where it does not hold.

``python -m tests.fuzz.run TARGET`` looks for such bytes with atheris, tests/fuzz/test_targets.py
tries a few. What is refused is refused by WireError; anything else gets out.
"""

from collections.abc import Callable, Iterable

from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer, message
from pgward.pgwire.login_in import PasswordIn
from pgward.pgwire.login_out import LoginOut
from pgward.pgwire.scram import Verifier
from tests.fuzz import inspectors, prefaces, records

# Each reader, and how what it found is said again: in the same bytes.
_FRONTEND = {
    b"B": lambda body: _bind(frontend.read_bind(body)),
    b"C": lambda body: frontend.close(*frontend.read_close(body)),
    b"D": lambda body: frontend.describe(*frontend.read_describe(body)),
    b"E": lambda body: frontend.execute(*frontend.read_execute(body)),
    b"F": lambda body: _call(frontend.read_function_call(body)),
    b"P": lambda body: frontend.parse(*frontend.read_parse(body)),
    b"Q": lambda body: frontend.query(frontend.read_query(body)),
    b"f": lambda body: frontend.copy_fail(frontend.read_copy_fail(body)),
    b"p": lambda body: frontend.sasl_initial(*frontend.read_sasl_initial(body)),
}
_BACKEND = {
    b"A": lambda body: backend.notification(*backend.read_notification(body)),
    b"C": lambda body: backend.command_complete(backend.read_command_complete(body)),
    b"D": lambda body: backend.data_row(backend.read_data_row(body)),
    b"G": lambda body: backend.copy_response(b"G", *backend.read_copy_response(body)),
    b"K": lambda body: backend.key_data(*backend.read_key_data(body)),
    b"R": lambda body: backend.authentication(*backend.read_authentication(body)),
    b"S": lambda body: backend.parameter_status(*backend.read_parameter_status(body)),
    b"T": lambda body: backend.row_description(backend.read_row_description(body)),
    b"V": lambda body: backend.function_result(backend.read_function_result(body)),
    b"Z": lambda body: backend.ready(backend.read_ready(body)),
    b"t": lambda body: backend.parameter_description(backend.read_parameter_description(body)),
}
_VERIFIER = str(Verifier(1, b"salt", bytes(32), bytes(32)))


def _bind(found: frontend.Bind) -> bytes:
    return frontend.bind(
        found.portal,
        found.statement,
        found.values,
        formats=found.formats,
        result_formats=found.result_formats,
    )


def _call(found: frontend.FunctionCall) -> bytes:
    return frontend.function_call(
        found.oid, found.values, formats=found.formats, result_format=found.result_format
    )


def first(data: bytes) -> None:
    """See that a packet is found, or refused, once and at the same place however it comes."""
    outcome = None
    for end in range(len(data) + 1):
        try:
            found = startup.read(data[:end])
        except WireError as error:
            found = str(error)
        if outcome is None:
            outcome = found
        elif isinstance(outcome, str):
            assert isinstance(found, str), "what was refused is taken when more comes"
        else:
            assert found == outcome, "what was found changes when more comes"
            assert found.size <= end


def said_by_frontends(data: bytes) -> None:
    """See that what is read of a frontend's message is all that it holds."""
    _said_again(_FRONTEND, data)


def said_by_backends(data: bytes) -> None:
    """See that what is read of a backend's message is all that it holds."""
    _said_again(_BACKEND, data)
    for read in (backend.read_fields, backend.read_negotiation, backend.read_mechanisms):
        try:
            read(data)
        except WireError:
            continue


def _said_again(readers: dict[bytes, Callable[[bytes], bytes]], data: bytes) -> None:
    kind, body = data[:1], data[1:]
    if kind not in readers:
        return
    try:
        made = readers[kind](body)
    except WireError:
        return
    assert made == message(kind, body), f"{made!r} was read of {body!r}"


def framing(data: bytes) -> None:
    """See that messages are the same in whatever pieces they come."""
    assert _framed([data]) == _framed(_bytes(data))


def _framed(pieces: Iterable[bytes]) -> tuple[list[tuple[bytes, bytes]], str]:
    framer, found = Framer(100), []
    try:
        for piece in pieces:
            framer.feed(piece)
            found += _taken(framer)
    except WireError as error:
        return found, str(error)
    return found, ""


def _taken(framer: Framer) -> Iterable[tuple[bytes, bytes]]:
    return iter(framer.next, None)


def login_out(data: bytes) -> None:
    """See that a server's words mean the same in whatever pieces, and that none is trusted."""
    whole = _logged_in([data])
    assert whole == _logged_in(_bytes(data))
    assert "pencil" not in str(whole.all)
    assert whole.is_in is False or backend.authentication(backend.AUTH_OK) in data


class _End:
    """What became of a login."""

    def __init__(self, login: LoginOut, sent: bytes, error: str) -> None:
        self.is_in = login.done
        self.all = error or (
            login.done,
            sent.replace(b"pencil", b""),
            login.parameters,
            login.rest,
            login.notices,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _End) and self.all == other.all

    __hash__ = None


def _logged_in(pieces: Iterable[bytes]) -> _End:
    login = LoginOut(
        {"user": "ann", "_pq_.a": "1"},
        password=b"pencil",
        tls="verified",
        binding=b"end point",
        minor=2,
        nonce="abc",
        salting=lambda password, salt, _: (password + salt)[:32].ljust(32),
    )
    sent = b""
    try:
        for piece in pieces:
            sent += login.receive(piece)
    except WireError as error:
        return _End(login, b"", f"{type(error)}: {error}")
    return _End(login, sent, "")


def login_in(data: bytes) -> None:
    """See that nobody gets in without the password, in clear text or by SCRAM."""
    for plain in (True, False):
        asking = PasswordIn(_VERIFIER, binding=b"end point", nonce="fresh", plain=plain)
        try:
            for piece in _bytes(data):
                asking.receive(piece)
        except WireError:
            continue
        assert asking.outcome is not True


def _bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "backend": said_by_backends,
    "first": first,
    "framing": framing,
    "frontend": said_by_frontends,
    "login-in": login_in,
    "login-out": login_out,
    **inspectors.TARGETS,
    **prefaces.TARGETS,
    **records.TARGETS,
}

# Where to begin from: whole messages, which chance alone would not find.
SEEDS: dict[str, list[bytes]] = {
    "backend": [
        b"T" + backend.row_description([backend.Column("a")])[5:],
        b"D" + backend.data_row([b"1", None])[5:],
        b"K" + backend.key_data(7, b"abcd")[5:],
        backend.error("ERROR", "42501", "no", hint="ask")[5:],
    ],
    "first": [
        startup.ssl_request(),
        startup.cancel(7, b"abcd"),
        startup.startup({"user": "ann", "database": "shop"}, 2),
    ],
    "framing": [backend.ready() + frontend.query("select 1")],
    "frontend": [
        b"B" + frontend.bind("p", "s", [b"1", None], formats=[0], result_formats=[1])[5:],
        b"P" + frontend.parse("s", "select $1", [23])[5:],
        b"F" + frontend.function_call(7, [b"1"], formats=[1])[5:],
        b"p" + frontend.sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc")[5:],
    ],
    "login-in": [
        frontend.password("pencil"),
        frontend.sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc")
        + frontend.sasl_response(b"c=biws,r=abcfresh,p=" + b"A" * 43 + b"="),
    ],
    "login-out": [
        backend.authentication(0) + backend.key_data(7, b"abcd") + backend.ready() + b"rest",
        backend.authentication_sasl(["SCRAM-SHA-256"])
        + backend.authentication(11, b"r=abcfresh,s=c2FsdA==,i=4096"),
        backend.authentication_md5(b"salt") + backend.error("FATAL", "28P01", "no"),
        startup.negotiate(0, ["_pq_.a"]) + backend.authentication(3),
        b"Ecould not fork\n\0",
    ],
    **inspectors.SEEDS,
    **prefaces.SEEDS,
    **records.SEEDS,
}
