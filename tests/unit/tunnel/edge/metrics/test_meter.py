import socket
import sys
from dataclasses import dataclass, field

import pytest

from pgward.tunnel.edge.metrics import board
from pgward.tunnel.edge.metrics.board import Board
from pgward.tunnel.edge.metrics.meter import LOOK_SECONDS, Meter
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.waiting import eventually


@dataclass(eq=False)
class Link:
    socket: socket.socket
    service: str = "orders"


@dataclass
class Bench:
    board: Board = field(default_factory=Board)
    later: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = Meter(
            self.board.pane(0),
            mode=lambda name: "postgres" if name == "orders" else "tcp",
            waiting=lambda: 3,
            links=lambda: 7,
            later=lambda *call: self.later.append(call),
        )

    def total(self, metric, value="") -> int:
        return self.board.total(metric, value)


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        yield ours, theirs


def test_sessions_that_run_and_that_ran():
    bench, (ours, theirs) = Bench(), socket.socketpair()
    links = [Link(ours), Link(ours), Link(theirs, "other")]
    for link in links:
        bench.meter.session("session.open", "ok", link, None)
    bench.meter.session("session.open", "denied", Link(ours), "no")
    assert bench.total(board.SESSIONS, "postgres") == 2
    assert bench.total(board.SESSIONS, "tcp") == 1
    bench.meter.session("session.cut", "ok", links[0], "revoked")
    bench.meter.session("session.cut", "ok", links[0], "idle")
    bench.meter.session("session.cut", "ok", links[0], "of a newer edge")
    for link in links:
        bench.meter.session("session.close", "ok", link, None)
        bench.meter.session("session.close", "ok", link, None)
    assert [bench.total(board.SESSIONS, mode) for mode in board.MODES] == [0, 0]
    assert [bench.total(board.OPENED, mode) for mode in board.MODES] == [1, 2]
    assert [bench.total(board.CUT, why) for why in ("revoked", "idle", "limit")] == [1, 1, 0]
    ours.close()
    theirs.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's TCP_INFO")
def test_bytes_are_the_kernels(pair):
    bench, (ours, theirs) = Bench(), pair
    ours.sendall(b"before")
    theirs.recv(10)
    link = Link(ours)
    bench.meter.session("session.open", "ok", link, None)
    ours.sendall(bytes(1000))
    theirs.sendall(bytes(300))
    theirs.recv(1000)

    def seen() -> tuple[int, int]:
        bench.meter.look()
        return bench.total(board.SENT), bench.total(board.RECEIVED)

    eventually(lambda: seen() == (1000, 300))
    theirs.sendall(bytes(50))
    bench.meter.session("session.close", "ok", link, None)
    assert seen() == (1000, 350)


def test_what_is_closed_has_carried_what_was_seen_last(pair):
    bench, (ours, theirs) = Bench(), pair
    link = Link(ours)
    bench.meter.session("session.open", "ok", link, None)
    theirs.sendall(bytes(300))
    bench.meter.look()
    ours.close()
    bench.meter.session("session.close", "ok", link, None)
    assert bench.total(board.RECEIVED) in (0, 300)


def test_it_looks_again_and_again():
    bench = Bench()
    bench.meter.look()
    assert bench.later == [(LOOK_SECONDS, bench.meter.look)]
    assert (bench.total(board.WAITING), bench.total(board.LINKS)) == (3, 7)
    assert bench.total(board.CPU) > 0


def test_how_many_are_slowed():
    bench = Bench()
    bench.meter.slowed(3)
    bench.meter.slowed(1)
    assert bench.total(board.SLOWED) == 1


def test_whoever_does_not_get_in_and_what_is_denied():
    bench = Bench()
    bench.meter.refusal(RefusedError(Reason.BLOCKED))
    for outcome in ("in", "refused", "slow", "gone"):
        bench.meter.handshake(outcome)
    bench.meter.denial(by_policy=True)
    bench.meter.denial(by_policy=False)
    assert bench.total(board.REFUSED, "blocked") == 1
    assert [bench.total(board.HANDSHAKES, each) for each in board.HANDSHAKES.values] == [1] * 4
    assert [bench.total(board.DENIED, each) for each in ("policy", "role")] == [1, 1]
