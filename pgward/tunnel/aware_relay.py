"""The relay of an aware session: the same hot path, with an inspector in each direction.

PostgreSQL's side may be TLS as well. Both logins are over before it begins.
"""

import asyncio
import logging
import socket
import ssl
import traceback
from collections.abc import Callable
from functools import partial

from pgward.audit.tape.answers import Data, as_it_is
from pgward.core.errors import PgwardError
from pgward.pgwire import backend, frontend
from pgward.tunnel.aware.downward import Downward, Parts
from pgward.tunnel.aware.pending import Pending, Tape
from pgward.tunnel.aware.ruling import Ruling
from pgward.tunnel.aware.upward import Upward
from pgward.tunnel.farewell import never
from pgward.tunnel.farewell_relay import FarewellRelay
from pgward.tunnel.outro import Outro
from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason, RefusedError
from pgward.tunnel.relay import BUFFER_SIZE, RECORD_SIZE, Plain, _buffer, _view
from pgward.tunnel.tls import TlsConnection
from pgward.tunnel.tls_plain import FULL_RECORD, TlsPlain

log = logging.getLogger("pgward.edge")

FATAL = "FATAL"
NEXT_SECONDS = 1.0
"""So long a polite end waits for the client's next statement, which it then answers."""
_NOTICE_SQLSTATE = "00000"
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
MOST_AWAITED = 20_000
"""So many messages may wait for answers until the client is not read any more.

An auditor has something of each in memory. PostgreSQL itself never holds back so many answers: its
buffer of 8 KiB has room for 1600.
"""
_SQLSTATES = {"tape_full": "53100", "protocol": "08P01"}


class AwareRelay(FarewellRelay):
    """One logged-in session; as Relay, and ``ended_by`` says why the edge ended it, if it did.

    ``outro`` says so to a client that was in the middle of a message then. While ``may_be_cut``,
    what PostgreSQL says as an administrator ends the session waits for what the edge may say. When
    it does not end it, ``why_ended`` may know why PostgreSQL did.
    """

    __slots__ = (
        "_chores",
        "_down",
        "_holds_client",
        "_pending",
        "_rests_since",
        "_slowed",
        "_up",
        "ended_by",
        "exchange",
        "outro",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        upstream: socket.socket | TlsConnection,
        controls: Controls | None,
        on_end: Callable[[bool, Reason | None], None],
        *,
        tape: Tape,
        session: int,
        salt: str,
        ruling: Ruling | None = None,
        results: int = 0,
        seal: Callable[[Data], Data] = as_it_is,
        may_be_cut: Callable[[], bool] = never,
        why_ended: Callable[[], RefusedError | None] = lambda: None,
    ) -> None:
        self._pending = pending = Pending(tape, session, salt, ruling)
        self._up = Upward(pending)
        self._down = Downward(pending, results=results, seal=seal)
        self.exchange = pending.exchange
        self._holds_client = False  # too much is not answered
        self._slowed = False  # it is read when ``sip`` says so
        self._rests_since = loop.time(), 0
        self.ended_by: tuple[str, str] | None = None  # SQLSTATE and text
        self.outro: Outro | None = None
        self._chores: list[Callable[[], bool]] = []  # each returns whether it is done
        plain: Plain = TlsPlain(upstream) if isinstance(upstream, TlsConnection) else upstream
        super().__init__(
            loop, tls, plain, controls, on_end, may_be_cut=may_be_cut, why_ended=why_ended
        )
        self._down.withholds = self._farewell.takes

    @property
    def in_transaction(self) -> bool:
        """Whether PostgreSQL said last that a transaction is open."""
        return self.exchange.in_transaction

    @property
    def last_active(self) -> float:
        """When the last answer was here at the latest, by the loop's clock.

        Now, if one is awaited, or the client may have said what was not read. It was looked for
        when this was asked before: so ask again and again.
        """
        if self._slowed or not self.idle:
            return self._loop.time()
        if self._rests_since[1] != self.answered:
            self._rests_since = self._loop.time(), self.answered
        return self._rests_since[0]

    @property
    def idle(self) -> bool:
        """Whether nothing runs: all is answered."""
        return self.exchange.idle

    def start(self, first: bytes = b"", outgoing: bytes = b"") -> None:
        """Register both directions; ``first`` and ``outgoing`` as in Relay, behind both logins."""
        super().start()
        if outgoing:
            self._pass_down(memoryview(outgoing))
        if first and not self._ended and not (len(first) == CONTROL_SIZE and self._control(first)):
            self._pass_up(memoryview(first))

    @property
    def answered(self) -> int:
        """How often PostgreSQL has brought something to its end: a command, a whole answer."""
        return self._pending.answers

    def rule(self, ruling: Ruling) -> None:
        """Have statements ruled from now on, where none were; see ``Upward.rule``."""
        self._up.rule(ruling)

    def record(self, results: int) -> None:
        """Put so many bytes of each answer on tape from now on; see ``Downward.record``."""
        self._down.record(results)

    # --- polite limits ----------------------------------------------------------------

    def notice(self, text: str) -> None:
        """Tell the person something, as soon as it fits between two messages."""
        self._soon(lambda: self._say(backend.notice("NOTICE", _NOTICE_SQLSTATE, text)))

    def end(self, sqlstate: str, text: str, *, hint: str | None = None, force: bool) -> None:
        """End the session: soon after nothing runs in no transaction, or at once by force."""
        if force:
            self._end_by(sqlstate, text, hint, behind=True)
        else:
            self._soon(lambda: self._end_at_next(sqlstate, text, hint))

    def _soon(self, chore: Callable[[], bool]) -> None:
        if not self._ended and not chore():
            self._chores.append(chore)

    def _do_chores(self) -> None:
        waiting, self._chores[:] = list(self._chores), []
        for chore in waiting:
            self._soon(chore)

    def _say(self, message: bytes) -> bool:
        if self._waiting_tls is not None or self._to_tls_done or not self._down.at_boundary:
            return False
        self._write_tls(message)
        return True

    def _may_end(self) -> bool:
        return self._waiting_tls is None and self.idle and not self.in_transaction

    def _end_at_next(self, sqlstate: str, text: str, hint: str | None) -> bool:
        """End a session in which nothing runs, when its client says more, or after a while.

        Right behind an answer, which it may not have read yet, libpq takes an error for a notice,
        and would say of its next statement that the server closed the connection unexpectedly.
        """
        if not self._may_end():
            return False
        end = partial(self._end_by, sqlstate, text, hint)
        self._loop.add_reader(self._tls_fd, end)
        self._loop.call_later(NEXT_SECONDS, end)
        return True

    def _end_by(self, sqlstate: str, text: str, hint: str | None, *, behind: bool = False) -> None:
        """Say why, if it fits, take leave of PostgreSQL, and end.

        With ``behind`` an outro says so where it does not fit yet.
        """
        if self._ended:
            return
        self.ended_by = sqlstate, text
        words = backend.error(FATAL, sqlstate, text, hint=hint)
        if self._say(words):
            words = b""
        if self._may_take_leave():
            self._send_plain(frontend.terminate())
        if behind:
            self._leave_outro(words)
        self._end(clean=False, reason=None)

    def _leave_outro(self, words: bytes) -> None:
        waiting = self._waiting_tls or b""
        if (waiting or words) and not (self._ended or self._to_tls_done):
            self.outro = Outro(self._tls, self._plain, waiting, self._down.left, words)

    def _may_take_leave(self) -> bool:
        is_gone = self._ended or self._farewell.waits
        return not is_gone and self._waiting_plain is None and self._up.at_boundary

    def _refused(self, error: Exception) -> None:
        """End a session that cannot go on: nothing of this read was passed on."""
        if not isinstance(error, PgwardError):
            # Without its text, which may quote a statement.
            trace = "".join(traceback.format_tb(error.__traceback__))
            log.error("a session ends by a fault of the edge: %s\n%s", type(error).__name__, trace)
            self._end_by("XX000", "the edge failed", "tell an administrator")
            return
        sqlstate = getattr(error, "sqlstate", None) or _SQLSTATES.get(error.code, "XX000")
        log.info("ended a session: %s", error.message)
        self._end_by(sqlstate, error.message, error.hint)

    def _end(self, *, clean: bool, reason: Reason | None) -> None:
        if not self._ended:
            self._chores.clear()
            try:
                self._up.close()
            except PgwardError as error:
                log.warning("the end of COPY data is not on record: %s", error.message)
        super()._end(clean=clean, reason=reason)

    # --- the two hot directions, as in Relay ------------------------------------------

    def _make_outbound(self) -> Callable[[], None]:  # noqa: C901 - one flat callback is the fastest
        """Return the callback PostgreSQL → client."""
        receive, write, buffer, view = self._plain.recv_into, self._tls.write, _buffer, _view
        if isinstance(self._plain, TlsPlain):
            receive = self._plain.read_record
        full, failed, plain_ended = self._tls_full, self._plain_failed, self._plain_ended
        passes, look_closer, refused = self._down.passes, self._inspect_answer, self._refused
        broke, tls_fd = self._broke, self._tls_fd
        chores, do_chores = self._chores, self._do_chores

        def outbound() -> None:
            try:
                size = receive(buffer)
            except _NOT_NOW:
                return
            except ssl.SSLZeroReturnError:
                size = 0
            except OSError:
                failed()
                return
            if not size:
                plain_ended()
                return
            try:
                goes_on = passes(buffer, size) or (size := look_closer(size))
            except Exception as error:  # noqa: BLE001 - whatever it is, the session must end
                refused(error)
                return
            if goes_on:
                try:
                    write(view[:size])
                except ssl.SSLWantWriteError:
                    full(size)
                except (ssl.SSLError, OSError):
                    broke(tls_fd)
            if chores:
                do_chores()

        return outbound

    def _inspect_answer(self, size: int) -> int:
        """Return how much of the buffer goes on as it is, 0 if what does is written already."""
        if size >= FULL_RECORD and isinstance(self._plain, TlsPlain):
            size = self._plain.read_on(_buffer, size)
        parts = self._down.feed(_view[:size])
        if parts is None:
            return size
        self._write_parts(parts)
        return 0

    def _make_inbound(self) -> Callable[[], None]:  # noqa: C901 - see above
        """Return the callback client → PostgreSQL."""
        read, send, buffer, view = self._tls.read_into, self._plain.send, _buffer, _view
        if isinstance(self._plain, TlsPlain):
            send = self._plain.write
        plain_full, failed, tls_ended = self._plain_full, self._failed, self._tls_ended
        control, retry = self._control, self._read_wants_write
        control_size = CONTROL_SIZE if self._controls else -1
        passes, look_closer, refused = self._up.passes, self._inspect_question, self._refused
        queue, hold_client = self.exchange.queue, self._hold_client
        broke, plain_fd = self._broke, self._plain_fd

        def inbound() -> None:  # noqa: C901, PLR0911 - see above
            try:
                size = read(BUFFER_SIZE, buffer)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLWantWriteError:
                retry()
                return
            except ssl.SSLZeroReturnError:
                size = 0
            except (ssl.SSLError, OSError):
                failed()
                return
            if not size:
                tls_ended()
                return
            if size == control_size and control(bytes(view[:size])):
                return
            try:
                goes_on = passes(buffer, size) or (size := look_closer(size))
            except Exception as error:  # noqa: BLE001 - whatever it is, the session must end
                refused(error)
                return
            if goes_on:
                try:
                    sent = send(view[:size])
                except _NOT_NOW:
                    sent = 0
                except OSError:
                    broke(plain_fd)
                    return
                if sent != size:
                    plain_full(bytes(view[sent:size]))
            if len(queue) > MOST_AWAITED:
                hold_client()

        return inbound

    def _inspect_question(self, size: int) -> int:
        """Return how much of the buffer goes on as it is, 0 if what does is sent already."""
        after = None
        if size == RECORD_SIZE:
            size, after = self._gather()
        parts = self._up.feed(_view[:size])
        if parts is None and after is None:
            return size
        self._send_parts([_view[:size]] if parts is None else parts)
        if after is not None:
            after()
        return 0

    # --- a client that asks for more than is answered -----------------------------------

    def _hold_client(self) -> None:
        """Read no more of the client until half of what it asked for is answered."""
        if not self._holds_client and not self._ended and not self._to_plain_done:
            self._holds_client = True
            self._loop.remove_reader(self._tls_fd)
            self._soon(self._release_client)

    def _release_client(self) -> bool:
        if len(self.exchange.queue) > MOST_AWAITED // 2:
            return False
        self._holds_client = False
        if self._reads_client:
            self._hear_tls()
        return True

    def _hear_tls(self) -> None:
        if not (self._holds_client or self._slowed):
            super()._hear_tls()

    # --- a client that says more than can be put on record --------------------------------

    @property
    def copied(self) -> int:
        """How many bytes of COPY data the client has sent, which are not put on tape."""
        return self._up.copied

    def slow(self) -> None:
        """Read the client only by ``sip`` from now on."""
        if not self._ended and not self._to_plain_done:
            self._slowed = True
            self._loop.remove_reader(self._tls_fd)

    def sip(self) -> None:
        """Read the client once, if what it said before has gone on."""
        if self._slowed and not self._ended and self._reads_client:
            self._inbound()

    def quicken(self) -> None:
        """Read the client as it comes."""
        if self._slowed:
            self._slowed = False
            if not self._ended and self._reads_client:
                self._hear_tls()

    @property
    def _reads_client(self) -> bool:
        return not (self._holds_client or self._to_plain_done) and self._waiting_plain is None

    def _last_words(self) -> None:
        """Read on until PostgreSQL has ended, once it was told our end; see Relay."""
        while not self._ended and not self._to_tls_done and self._waiting_tls is None:
            try:
                size = self._plain.recv_into(_buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                size = 0
            if size:
                self._pass_down(memoryview(bytes(_view[:size])))
            else:
                self._plain_ended()

    # --- bytes that do not pass as they are -------------------------------------------

    def _pass_up(self, data: memoryview) -> None:
        try:
            parts = self._up.feed(data)
        except Exception as error:  # noqa: BLE001 - see _make_outbound
            self._refused(error)
        else:
            self._send_parts([data] if parts is None else parts)

    def _pass_down(self, data: memoryview) -> None:
        try:
            parts = self._down.feed(data)
        except Exception as error:  # noqa: BLE001 - see _make_outbound
            self._refused(error)
        else:
            self._write_parts([data] if parts is None else parts)

    def _send_parts(self, parts: Parts) -> None:
        if parts:
            self._send_plain(b"".join(parts))

    def _write_parts(self, parts: Parts) -> None:
        if parts:
            self._write_tls(b"".join(parts))
