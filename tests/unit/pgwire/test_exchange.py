"""What is awaited: live, behind, after errors, in COPY."""

import random

from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.exchange import Exchange
from pgward.pgwire.states import ENDS, IDLE, IN_TRANSACTION, UNANSWERED


class Told:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def confirmed(self) -> None:
        self.words.append("done")

    def dropped(self) -> None:
        self.words.append("dropped")


def said(exchange: Exchange, kinds: str) -> list[bool]:
    return [exchange.sent(ord(kind)) for kind in kinds]


def answered(exchange: Exchange, kinds: str, status: int = IDLE) -> None:
    for kind in kinds:
        match kind:
            case "Z":
                exchange.ready(status)
            case "E":
                exchange.failed()
            case "G" | "W":
                exchange.copy_in()
            case _:
                exchange.came(ord(kind))


def left(exchange: Exchange) -> str:
    return "".join(map(chr, exchange.queue))


def test_a_new_session_is_idle():
    assert Exchange().idle
    assert not Exchange().in_transaction


def test_a_query_is_awaited_up_to_readyforquery():
    exchange = Exchange()
    said(exchange, "Q")
    answered(exchange, "CC")
    assert (left(exchange), exchange.idle) == ("Q", False)
    answered(exchange, "Z", IN_TRANSACTION)
    assert (left(exchange), exchange.idle, exchange.in_transaction) == ("", True, True)


def test_an_extended_query_is_answered_step_by_step():
    exchange = Exchange()
    said(exchange, "PBDEHS")
    assert left(exchange) == "PBDES"
    answered(exchange, "1")
    assert left(exchange) == "BDES"
    answered(exchange, "2TC")
    assert (left(exchange), exchange.idle) == ("S", False)
    answered(exchange, "Z")
    assert exchange.idle


def test_answers_without_a_sync_are_no_end():
    exchange = Exchange()
    said(exchange, "PBEH")
    answered(exchange, "12C")
    assert (left(exchange), exchange.idle) == ("", False)


def test_an_error_skips_up_to_the_sync():
    exchange = Exchange()
    said(exchange, "PBESPBES")
    answered(exchange, "1E")
    assert left(exchange) == "SPBES"
    answered(exchange, "Z12CZ")
    assert exchange.idle


def test_an_error_whose_sync_was_not_said_yet_skips_what_comes():
    exchange = Exchange()
    said(exchange, "PBEH")
    answered(exchange, "1E")
    assert (left(exchange), exchange.deaf, exchange.idle) == ("", True, False)
    assert said(exchange, "PQFS") == [False, False, False, True]
    assert (left(exchange), exchange.deaf) == ("S", False)
    answered(exchange, "Z")
    assert exchange.idle


def test_the_error_of_a_query_skips_nothing():
    exchange = Exchange()
    said(exchange, "QQ")
    answered(exchange, "EZ")
    assert left(exchange) == "Q"


def test_an_error_before_a_query_without_a_sync_between_skips_the_query():
    exchange = Exchange()
    said(exchange, "PQS")
    answered(exchange, "EZ")
    assert exchange.idle


def test_an_error_at_commit_belongs_to_the_sync():
    exchange = Exchange()
    said(exchange, "PBES")
    answered(exchange, "12CEZ")
    assert exchange.idle


def test_an_error_that_nobody_asked_for_changes_nothing():
    exchange = Exchange()
    answered(exchange, "E")
    assert exchange.idle


def test_a_sync_before_copy_data_is_not_answered():
    exchange = Exchange()
    said(exchange, "PBES")
    answered(exchange, "12G")
    assert (left(exchange), exchange.copying) == ("E", True)
    assert said(exchange, "ddcS") == [False, False, False, True]
    answered(exchange, "CZ")
    assert exchange.idle


def test_copy_data_may_be_said_before_the_backend_asks_for_it():
    exchange = Exchange()
    said(exchange, "PBESddcSQ")
    answered(exchange, "12G")
    assert (left(exchange), exchange.copying) == ("ESQ", False)
    answered(exchange, "CZ")
    assert left(exchange) == "Q"


def test_a_copy_of_a_simple_query():
    exchange = Exchange()
    said(exchange, "Q")
    answered(exchange, "G")
    said(exchange, "ddf")
    assert left(exchange) == "Q"
    answered(exchange, "EZ")
    assert exchange.idle


def test_a_copy_that_fails_on_the_way():
    exchange = Exchange()
    said(exchange, "PBES")
    answered(exchange, "12G")
    said(exchange, "dd")
    answered(exchange, "E")
    said(exchange, "ddcS")
    assert left(exchange) == "S"
    answered(exchange, "Z")
    assert exchange.idle


def test_ends_of_copy_that_nobody_waits_for_are_passed_over():
    exchange = Exchange()
    said(exchange, "cQ")
    answered(exchange, "CZ")
    assert exchange.idle


def test_copy_that_was_not_asked_for_changes_nothing():
    exchange = Exchange()
    answered(exchange, "W")
    assert exchange.idle


def test_a_watcher_hears_of_each_name_in_order():
    told = Told()
    exchange = Exchange(told)
    said(exchange, "PBECSPBDESC")
    answered(exchange, "12C3Z")
    assert told.words == ["done"] * 3
    answered(exchange, "1E")
    assert told.words == ["done"] * 4 + ["dropped"]
    answered(exchange, "Z3")
    assert told.words[5:] == ["done"]


class Backend:
    """PostgreSQL's main loop, in a few lines: answers what was said, in order."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self.inbox: list[str] = []
        self._ignoring = False
        self.over = False
        self._copying = ""  # the kind of message whose COPY takes data

    def step(self) -> str | None:  # noqa: PLR0911 - one for each kind of answer
        """Answer the next message, None when there is none."""
        if not self.inbox or self.over:
            return None
        kind = self.inbox.pop(0)
        if self._copying:
            return self._copy(kind)
        if kind == "S":
            self._ignoring = False
            return "EZ" if self._random.random() < 0.1 else "Z"
        if self._ignoring or kind in "Hdcf":
            return ""
        if self._random.random() < 0.2:
            self._ignoring = kind not in "QF"
            return "E" if self._ignoring else "EZ"
        if kind in "QE" and self._random.random() < 0.3:
            self._copying = kind
            return "G"
        if kind == "Q":
            return "TCIZ"
        return chr(min(ENDS[ord(kind)]))

    def _copy(self, kind: str) -> str:
        if kind in "HSd":
            return ""
        if kind not in "cf":  # PostgreSQL loses its place in the stream, and ends the session
            self.over = True
            return "E"
        begun, self._copying = self._copying, ""
        if kind == "c":
            return "CZ" if begun == "Q" else "C"
        self._ignoring = begun == "E"
        return "EZ" if begun == "Q" else "E"


@given(st.lists(st.sampled_from("QPBDECSHFdcf"), max_size=60), st.integers(0, 2**32))
def test_whatever_is_said_and_however_late_it_is_answered_the_end_is_idle(kinds, seed):
    source = random.Random(seed)
    backend, exchange = Backend(source), Exchange(Told())
    for kind in [*kinds, "c", "S", "c", "S"]:
        exchange.sent(ord(kind))
        backend.inbox.append(kind)
        for _ in range(source.choice([0, 0, 1, 3])):
            answered(exchange, backend.step() or "")
    while (words := backend.step()) is not None:
        answered(exchange, words)
    if backend.over:
        return
    assert left(exchange) in ("", "c", "cc")
    assert exchange.at_ready
    assert not exchange.deaf
    assert UNANSWERED.isdisjoint(exchange.queue)
