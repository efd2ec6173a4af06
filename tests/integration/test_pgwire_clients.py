"""PasswordIn, and the messages of a backend, with clients that nobody here wrote."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator

import asyncpg
import pg8000.native
import psycopg
import pytest
import trustme

from pgward.pgwire import backend, frontend, login_in, startup
from pgward.pgwire.backend import Column
from pgward.pgwire.binding import end_point
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer, message
from pgward.pgwire.login_in import PasswordIn
from pgward.pgwire.scram import Verifier
from pgward.system.postgres import find_client

PASSWORD = "Gr\u00fc\u00dfe\u00ad"
VERIFIER = str(Verifier.make(PASSWORD.encode(), bytes(16)))
AUTHORITY = trustme.CA()
KEYS = {0: b"abcd", 2: bytes(range(32))}
SETTINGS = {"server_version": "18.4", "client_encoding": "UTF8", "DateStyle": "ISO, MDY"}
COLUMNS = [Column("who"), Column("what")]
ANSWERS = {
    frontend.BIND: message(backend.BIND_COMPLETE),
    frontend.CLOSE: message(backend.CLOSE_COMPLETE),
    frontend.FLUSH: b"",
    frontend.PARSE: message(backend.PARSE_COMPLETE),
    frontend.SYNC: backend.ready(),
}
PSQL = "select current_user, 'é'"


class Edge:
    """A backend for one client after the other; ``plain`` asks in clear text over TLS."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.seen: list[startup.First] = []
        self.cancelled = threading.Event()
        leaf = AUTHORITY.issue_cert("localhost")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(self._context)
        der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
        self._binding = end_point(der)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"\0\0\0\0")
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            stream, _ = self._listener.accept()
            if stream.recv(4, socket.MSG_PEEK) == bytes(4):
                stream.close()
                return
            self._threads.append(threading.Thread(target=self._serve, args=(stream,)))
            self._threads[-1].start()

    def _serve(self, stream: socket.socket) -> None:
        stream.settimeout(20)
        with stream:
            try:
                self._session(stream, None)
            except WireError as error:
                stream.sendall(backend.error("FATAL", error.sqlstate, error.message))
            except (ConnectionError, ssl.SSLError):
                return  # a client that leaves

    def _session(self, stream: socket.socket, binding: bytes | None) -> None:
        first = self._first(stream)
        if isinstance(first, startup.SslRequest):
            stream.sendall(b"S")
            with self._context.wrap_socket(stream, server_side=True) as secured:
                try:
                    self._session(secured, self._binding)
                except WireError as error:
                    secured.sendall(backend.error("FATAL", error.sqlstate, error.message))
        elif isinstance(first, startup.GssencRequest):
            stream.sendall(b"N")
            self._session(stream, binding)
        elif isinstance(first, startup.Cancel):
            assert (first.pid, first.key) in [(7, key) for key in KEYS.values()]
            self.cancelled.set()
            if isinstance(stream, ssl.SSLSocket):
                stream.unwrap()  # libpq takes an end without close_notify for a failure
        else:
            self._log_in(stream, first, binding)

    def _first(self, stream: socket.socket) -> startup.First:
        data = b""
        while (first := startup.read(data)) is None:
            data += self._heard(stream)
        self.seen.append(first)
        assert first.size == len(data)
        return first

    def _heard(self, stream: socket.socket) -> bytes:
        data = stream.recv(65536)
        if not data:
            raise ConnectionResetError
        return data

    def _log_in(self, stream, first: startup.Startup, binding: bytes | None) -> None:
        agreed = login_in.agree(first)
        verifier = VERIFIER if first.user == "ann" else str(Verifier.mock(b"x", first.user))
        asking = PasswordIn(verifier, binding=binding, nonce="n" * 24, plain=self._plain)
        stream.sendall(agreed.message + asking.begin())
        while asking.outcome is None:
            stream.sendall(asking.receive(self._heard(stream)))
        if not asking.outcome:
            said = f'password authentication failed for user "{first.user}"'
            stream.sendall(backend.error("FATAL", "28P01", said, hint="pgward token"))
            return
        stream.sendall(login_in.welcome(SETTINGS, (7, KEYS[agreed.minor])))
        self._answer(stream, asking.rest)

    def _answer(self, stream: socket.socket, rest: bytes) -> None:
        framer = Framer()
        framer.feed(rest)
        while True:
            for kind, body in iter(framer.next, None):
                if kind == frontend.TERMINATE:
                    return
                stream.sendall(self._said(kind, body))
            framer.feed(self._heard(stream))

    def _said(self, kind: bytes, body: bytes) -> bytes:
        if kind == frontend.QUERY:
            text = frontend.read_query(body)
            if b"sleep" in text:
                assert self.cancelled.wait(20)
                return backend.error("ERROR", "57014", "cancelled") + backend.ready()
            return _rows(text.decode()) + backend.ready()
        if kind == frontend.PARSE:
            self._text = frontend.read_parse(body).text.decode()
        elif kind == frontend.DESCRIBE:
            is_statement = frontend.read_describe(body).kind == frontend.STATEMENT
            head = backend.parameter_description([]) if is_statement else b""
            return head + backend.row_description(COLUMNS)
        elif kind == frontend.EXECUTE:
            return _rows(self._text, described=True)
        return ANSWERS[kind]


def _rows(text: str, *, described: bool = False) -> bytes:
    if not text.startswith("select"):
        return backend.command_complete(text.split(maxsplit=1)[0].upper())
    head = b"" if described else backend.row_description(COLUMNS)
    row = backend.data_row([b"ann", "\u00e9".encode()])
    said = backend.notice("NOTICE", "00000", "hello")
    return head + said + row + backend.command_complete("SELECT 1")


@pytest.fixture(params=[True, False], ids=["plain", "scram"])
def edge(request) -> Iterator[Edge]:
    made = Edge(plain=request.param)
    yield made
    made.close()


@pytest.fixture
def scram_edge() -> Iterator[Edge]:
    made = Edge(plain=False)
    yield made
    made.close()


def psql(port: int, how: str, password: str) -> str:
    done = subprocess.run(
        [
            find_client("psql"),
            "-XAtc",
            PSQL,
            f"host=127.0.0.1 port={port} user=ann dbname=x connect_timeout=20 {how}",
        ],
        env={"PGPASSWORD": password, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr.strip()


def with_psycopg(port: int, how: str, password: str) -> str:
    conninfo = f"host=127.0.0.1 port={port} user=ann dbname=x connect_timeout=20 {how}"
    try:
        with psycopg.connect(conninfo, password=password) as connection:
            return "|".join(connection.execute(PSQL).fetchone())
    except psycopg.OperationalError as error:
        return str(error)


def with_asyncpg(port: int, how: str, password: str) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=port,
            user="ann",
            password=password,
            database="x",
            ssl="require" if "require" in how else "disable",
        )
        try:
            return "|".join(await connection.fetchrow(PSQL))
        finally:
            await connection.close()

    return asyncio.run(ask())


def with_pg8000(port: int, how: str, password: str) -> str:
    context = None
    if "require" in how:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = pg8000.native.Connection(
        "ann", "127.0.0.1", "x", port, password, ssl_context=context or False
    )
    try:
        return "|".join(connection.run(PSQL)[0])
    finally:
        connection.close()


CLIENTS = [psql, with_psycopg, with_asyncpg, with_pg8000]


@pytest.mark.parametrize("how", ["sslmode=disable", "sslmode=require"])
@pytest.mark.parametrize("ask", CLIENTS)
def test_who_knows_the_password_gets_in(edge, ask: Callable[..., str], how) -> None:
    assert ask(edge.port, how, PASSWORD) == "ann|\u00e9"


@pytest.mark.parametrize("ask", CLIENTS[:2])  # the others would leave their sockets open
def test_who_does_not_is_told(edge, ask: Callable[..., str]) -> None:
    said = ask(edge.port, "sslmode=require", "pencil")
    assert 'password authentication failed for user "ann"' in said


@pytest.mark.parametrize("ask", [psql, with_psycopg])
def test_libpq_binds_to_tls(scram_edge, ask) -> None:
    how = "sslmode=require channel_binding=require"
    assert ask(scram_edge.port, how, PASSWORD) == "ann|\u00e9"


def test_a_hint_is_shown(scram_edge) -> None:
    assert "HINT:  pgward token" in psql(scram_edge.port, "sslmode=require", "pencil")


def test_libpq_18_speaks_the_newest_protocol_and_cancels_with_long_keys(scram_edge) -> None:
    conninfo = f"host=127.0.0.1 port={scram_edge.port} user=ann dbname=x sslmode=require"
    conninfo += " min_protocol_version=3.2 max_protocol_version=3.2"
    with psycopg.connect(conninfo, password=PASSWORD, autocommit=True) as connection:
        assert scram_edge.seen[-1].minor == 2
        assert connection.pgconn.backend_pid == 7
        asking = threading.Thread(target=_sleep, args=(connection,))
        asking.start()
        connection.cancel_safe()
        asking.join(20)
        assert not asking.is_alive()
    cancel = scram_edge.seen[-1]
    assert isinstance(cancel, startup.Cancel)
    assert cancel.key == KEYS[2]


def _sleep(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("select sleep()")


def test_libpq_of_any_version_takes_a_negotiation(scram_edge) -> None:
    conninfo = f"host=127.0.0.1 port={scram_edge.port} user=ann dbname=x sslmode=require"
    with psycopg.connect(f"{conninfo} max_protocol_version=latest", password=PASSWORD) as made:
        assert made.info.parameter_status("server_version") == "18.4"
