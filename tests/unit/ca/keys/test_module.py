import threading

import pytest

from pgward.ca.keys import module
from pgward.ca.keys.errors import SigningError
from pgward.ca.keys.module import Module


class Library:
    """A PKCS#11 library that counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def finalize(self) -> None:
        self.calls.append("finalize")

    def initialize(self) -> None:
        self.calls.append("initialize")


@pytest.fixture
def library():
    return Library()


@pytest.fixture
def loaded(library):
    return Module("/a.so", library)


def test_a_restart_ends_every_session(loaded, library):
    loaded.restart(0)
    with loaded.in_use() as generation:
        assert generation == 1
    assert library.calls == ["finalize", "initialize"]


def test_only_one_of_those_who_saw_it_fail_restarts(loaded, library):
    loaded.restart(0)
    loaded.restart(0)
    assert library.calls == ["finalize", "initialize"]


def test_one_that_does_not_start_again_is_told(loaded, library):
    def fail():
        raise module.PKCS11Error("no token directory")

    library.initialize = fail
    with pytest.raises(SigningError, match=r"does not start again \(no token directory\)"):
        loaded.restart(0)


def test_one_thread_uses_it_and_others_wait(loaded, monkeypatch):
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.02)
    inside, leave = threading.Event(), threading.Event()

    def hang():
        with loaded.in_use():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hang)
    thread.start()
    inside.wait()
    with pytest.raises(SigningError, match=r"the PKCS#11 library /a\.so does not return"):
        loaded.restart(0)
    leave.set()
    thread.join()
    with loaded.in_use():
        pass


def test_a_process_has_one_of_each(softhsm):
    assert Module.of(softhsm.module) is Module.of(softhsm.module)


def test_its_errors_have_a_name_at_least():
    assert module.reason(module.PKCS11Error()) == "PKCS11Error"
