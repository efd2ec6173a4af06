import threading
from types import SimpleNamespace

import pytest

from pgward.client import token_store
from pgward.client.token_store import KeyringError, TokenPlace
from pgward.core.errors import InvalidInputError
from pgward.system import os_keyring


class Keyring:
    """A keyring that works."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, account: str, token: str) -> None:
        self.kept[service, account] = token

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def delete_password(self, service: str, account: str) -> None:
        del self.kept[service, account]


class Null(Keyring):
    """Takes everything and keeps nothing."""

    def set_password(self, *_: str) -> None: ...


class Raising(Keyring):
    def set_password(self, *secrets: str) -> None:
        raise RuntimeError(f"no D-Bus for {secrets}")

    delete_password = set_password


class Exiting(Keyring):
    def set_password(self, *_: str) -> None:
        raise SystemExit(3)


class Hanging(Keyring):
    released = threading.Event()

    def set_password(self, *_: str) -> None:
        self.released.wait()


@pytest.fixture
def use(monkeypatch):
    monkeypatch.setenv("PGWARD_TOKEN_STORE", "auto")

    def use(keyring: object) -> None:
        monkeypatch.setattr(
            os_keyring, "importlib", SimpleNamespace(import_module=lambda _: keyring)
        )

    return use


def test_a_working_keyring_is_used(use):
    keyring = Keyring()
    use(keyring)
    kept = token_store.keep("secret", "alice", "https://ca")
    assert kept.refused is None
    assert kept.place.account is not None
    assert kept.place.account.startswith("alice@https://ca#")
    assert token_store.fetch(kept.place.account) == "secret"
    assert token_store.forget(kept.place) is None
    assert keyring.kept == {}


def test_each_login_has_an_account_of_its_own(use):
    use(Keyring())
    one, two = (token_store.keep("t", "alice", "https://ca").place for _ in range(2))
    assert one != two


@pytest.mark.parametrize(
    ("keyring", "why"),
    [
        (Null(), "the keyring does not keep what it is given"),
        (Raising(), "the keyring does not work (RuntimeError)"),
        (Exiting(), "the keyring does not work (SystemExit)"),
        (None, "the keyring does not work (AttributeError)"),
    ],
)
def test_a_broken_keyring_means_a_file(use, keyring, why):
    use(keyring)
    kept = token_store.keep("secret", "alice", "https://ca")
    assert (kept.place.in_file, kept.refused) == (True, why)


def test_a_keyring_that_hangs_means_a_file(use, monkeypatch):
    monkeypatch.setattr(os_keyring, "SECONDS", 0.05)
    use(Hanging())
    try:
        kept = token_store.keep("secret", "alice", "https://ca")
    finally:
        Hanging.released.set()
    assert (kept.place.in_file, kept.refused) == (
        True,
        "the keyring did not answer in 0.05 seconds",
    )


def test_insisting_on_the_keyring_is_obeyed(use, monkeypatch):
    use(Raising())
    monkeypatch.setenv("PGWARD_TOKEN_STORE", "keyring")
    with pytest.raises(KeyringError) as caught:
        token_store.keep("secret", "alice", "https://ca")
    assert "secret" not in str(caught.value)


def test_choosing_the_file_does_not_touch_the_keyring(use, monkeypatch):
    use(None)
    monkeypatch.setenv("PGWARD_TOKEN_STORE", "file")
    kept = token_store.keep("secret", "alice", "https://ca")
    assert (kept.place, kept.refused) == (TokenPlace(None), None)
    assert token_store.forget(kept.place) is None


def test_another_choice_is_refused(monkeypatch):
    monkeypatch.setenv("PGWARD_TOKEN_STORE", "cloud")
    with pytest.raises(InvalidInputError, match="PGWARD_TOKEN_STORE: 'cloud' is no place"):
        token_store.choice()


def test_a_token_that_is_gone_asks_for_a_login(use):
    use(Keyring())
    with pytest.raises(KeyringError) as caught:
        token_store.fetch("alice")
    assert caught.value.hint == "pgward login"


def test_a_token_that_is_damaged_asks_for_a_login(use):
    keyring = Keyring()
    keyring.kept["pgward", "account"] = "two\nlines"
    use(keyring)
    with pytest.raises(KeyringError, match="does not hold the login token any more"):
        token_store.fetch("account")


def test_forgetting_tells_why_it_failed(use):
    use(Raising())
    assert token_store.forget(TokenPlace("alice")) == "the keyring does not work (RuntimeError)"


def test_a_place_is_written_with_the_session():
    assert TokenPlace("a").to_json() == {"store": "keyring", "account": "a"}
    assert TokenPlace(None).to_json() == {"store": "file", "account": None}
