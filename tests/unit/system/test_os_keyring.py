import sys
import threading
from types import SimpleNamespace

import pytest

from pgward.system import os_keyring
from pgward.system.os_keyring import KeyringError


@pytest.fixture
def keyring(monkeypatch):
    made = SimpleNamespace(get_password=lambda service, name: f"{service} {name}")
    monkeypatch.setitem(sys.modules, "keyring", made)
    return made


def get(keyring):
    return keyring.get_password("a", "b")


@pytest.mark.usefixtures("keyring")
def test_its_answer_comes_back():
    assert os_keyring.call(get, hint="") == "a b"


def test_whatever_it_raises_is_one_error_without_its_text(keyring):
    def fail(*_):
        raise SystemExit("secret")

    keyring.get_password = fail
    with pytest.raises(KeyringError, match=r"the keyring does not work \(SystemExit\)") as caught:
        os_keyring.call(get, hint="unlock it")
    assert (caught.value.hint, "secret" in str(caught.value)) == ("unlock it", False)


def test_one_that_hangs_is_left_behind(keyring, monkeypatch):
    monkeypatch.setattr(os_keyring, "SECONDS", 0.05)
    stop = threading.Event()
    keyring.get_password = lambda *_: stop.wait()
    with pytest.raises(KeyringError, match=r"did not answer in 0\.05 seconds"):
        os_keyring.call(get, hint="")
    stop.set()
