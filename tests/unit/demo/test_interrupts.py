import os
import signal

import pytest

from pgward.demo.interrupts import SIGNALS, Interrupts, Stopped


@pytest.fixture
def interrupts():
    # A background job may have been started with signals ignored (nohup).
    before = [(each, signal.signal(each, signal.SIG_DFL)) for each in SIGNALS]
    with Interrupts() as installed:
        yield installed
    for number, handler in before:
        signal.signal(number, handler)


def send(number):
    """Signals to ourselves are handled before the call returns."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("interrupts")
def test_a_signal_stops_and_names_itself(number):
    with pytest.raises(Stopped) as stopped:
        send(number)
    assert stopped.value.number == number
    assert str(stopped.value) == number.name


@pytest.mark.usefixtures("interrupts")
def test_only_the_first_signal_stops():
    with pytest.raises(Stopped):
        send(signal.SIGINT)
    send(signal.SIGINT)
    send(signal.SIGTERM)


def test_a_shield_is_finished_first(interrupts):
    seen = []

    def work():
        with interrupts.shield():
            send(signal.SIGTERM)
            seen.append("finished")

    with pytest.raises(Stopped):
        work()
    assert seen == ["finished"]


def test_the_outermost_shield_counts(interrupts):
    seen = []

    def work():
        with interrupts.shield():
            with interrupts.shield():
                send(signal.SIGTERM)
            seen.append("still shielded")

    with pytest.raises(Stopped):
        work()
    assert seen == ["still shielded"]


def test_a_signal_wins_over_the_failure_it_caused(interrupts):
    def work():
        with interrupts.shield():
            send(signal.SIGINT)
            raise RuntimeError("initdb got the signal too")

    with pytest.raises(Stopped):
        work()


def test_a_failure_without_a_signal_stays(interrupts):
    with pytest.raises(RuntimeError), interrupts.shield():
        raise RuntimeError("initdb failed")


def test_nothing_interrupts_the_cleaning_up(interrupts):
    interrupts.ignore()
    send(signal.SIGINT)
    with interrupts.shield():
        send(signal.SIGTERM)


def test_the_former_handlers_come_back():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
