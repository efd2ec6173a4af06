"""Against SoftHSM: a token in software, which nobody here wrote."""

import threading
from dataclasses import replace

import pytest
from pkcs11 import TokenFlag
from pkcs11 import exceptions as p11

from pgward.ca.keys import token as tokens
from pgward.ca.keys.errors import PinError, SigningError
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.settings import KeySettings
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.pki import key_types
from pgward.pki.key_types import KeyType
from tests.fixtures.signed import sign_everything
from tests.fixtures.softhsm import PIN

pytestmark = pytest.mark.integration


@pytest.fixture
def label(softhsm):
    return softhsm.new_token()


@pytest.fixture
def place(label):
    return f"pkcs11:token={label.replace(' ', '%20')}"


@pytest.fixture
def keep(softhsm, place, tmp_path):
    def make(pin: str = PIN, **settings) -> KeyKeeper:
        chosen = replace(KeySettings(place=place, pkcs11_module=softhsm.module), **settings)
        return KeyKeeper(tmp_path, chosen, passphrase=bytes, pin=pin.encode)

    return make


@pytest.fixture
def _no_pause(monkeypatch):
    monkeypatch.setattr(tokens, "_PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_what_is_made_there_signs_there(keep, key_type):
    new = keep().create("user-issuing-2", key_type)
    sign_everything(new.signer)
    loaded = keep().load(new.reference)
    assert key_types.of(loaded.public_key) is key_type
    assert loaded.public_key == new.signer.public_key
    sign_everything(loaded)


def test_the_reference_names_token_and_key(keep, place):
    assert keep().create("user-issuing").reference == f"{place};object=user-issuing"


def test_a_key_made_by_another_tool_is_used(softhsm, keep, label, place):
    softhsm.make_key(label, "theirs", "0a0b")
    for reference in (f"{place};object=theirs", f"{place};id=%0A%0B"):
        sign_everything(keep().load(reference))


def test_a_key_is_never_made_twice(keep):
    new = keep().create("a")
    with pytest.raises(ConflictError, match="has a key called a already"):
        keep().create("a")
    keeper = keep()
    keeper.discard(new)
    with pytest.raises(NotFoundError, match="has no private key a"):
        keeper.load(new.reference)
    assert keeper.create("a").signer.public_key != new.signer.public_key


def test_a_wrong_pin_is_told_and_given_once(keep, label, place, monkeypatch):
    keeper = keep("654321")
    with pytest.raises(PinError, match=f"the token {label} refuses the PIN") as caught:
        keeper.load(f"{place};object=a")
    assert "--pin-file" in caught.value.hint
    assert "654321" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.setattr(tokens.Token, "_find", lambda _: pytest.fail("it tried again"))
    for _ in range(3):
        with pytest.raises(PinError, match="refuses the PIN"):
            keeper.load(f"{place};object=a")


def test_a_locked_pin_is_told_and_not_tried(keep, softhsm, label):
    new = keep().create("a")
    softhsm.lock_pin(label)
    softhsm.look_again()
    with pytest.raises(PinError, match=f"the token {label} has locked its PIN") as caught:
        keep().load(new.reference)
    assert "security officer" in caught.value.hint


def test_the_last_try_is_left_to_a_person(keep, softhsm, label):
    new = keep().create("a")
    softhsm.leave_one_try(label)
    softhsm.look_again()
    with pytest.raises(PinError, match="at one more wrong PIN: none was given"):
        keep("654321").load(new.reference)
    assert not softhsm.flags(label) & 0x00010000, "a PIN was tried"


@pytest.mark.usefixtures("_no_pause")
def test_a_token_that_was_away_is_used_again(keep, softhsm, label):
    signer = keep().create("a").signer
    sign_everything(signer)
    away = softhsm.remove(label)
    for _ in range(2):
        with pytest.raises(SigningError, match=f"the token {label} is not there") as caught:
            sign_everything(signer)
    assert "plug it in" in caught.value.hint
    softhsm.insert(away)
    sign_everything(signer)


def test_a_token_that_is_away_is_looked_for_once_a_second(keep, softhsm, label, monkeypatch):
    signer = keep().create("a").signer
    away = softhsm.remove(label)
    with pytest.raises(SigningError, match="is not there"):
        sign_everything(signer)
    softhsm.insert(away)
    with pytest.raises(SigningError, match=f"the token {label} "):
        sign_everything(signer)
    monkeypatch.setattr(tokens, "_PAUSE_SECONDS", 0.0)
    sign_everything(signer)


@pytest.mark.usefixtures("_no_pause")
def test_a_directory_of_tokens_that_went_away_may_come_back(keep, softhsm):
    signer = keep().create("a").signer
    aside = softhsm.tokens.rename(softhsm.directory / "aside")
    try:
        for _ in range(2):
            with pytest.raises(SigningError):
                sign_everything(signer)
    finally:
        aside.rename(softhsm.tokens)
    sign_everything(signer)


@pytest.mark.usefixtures("_no_pause")
def test_many_threads_sign_while_the_token_comes_and_goes(keep, softhsm, label):
    signer = keep().create("a").signer
    stop, outcomes = threading.Event(), []

    def work():
        while not stop.is_set():
            try:
                sign_everything(signer)
            except SigningError:
                outcomes.append("away")
            else:
                outcomes.append("signed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    away = softhsm.remove(label)
    while "away" not in outcomes:
        stop.wait(0.01)
    softhsm.insert(away)
    seen = len(outcomes)
    while "signed" not in outcomes[seen:]:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    sign_everything(signer)


def test_a_missing_token_and_a_missing_key_are_told(keep, place, label):
    with pytest.raises(SigningError, match="the token nowhere is not there") as caught:
        keep().load("pkcs11:token=nowhere;object=a")
    assert label in caught.value.hint
    with pytest.raises(NotFoundError, match=f"the token {label} has no private key a"):
        keep().load(f"{place};object=a")
    with pytest.raises(NotFoundError, match="has no private key 0102"):
        keep().load(f"{place};id=%01%02")


def test_two_keys_of_one_name_are_not_chosen_between(keep, softhsm, label, place):
    for identity in ("01", "02"):
        softhsm.make_key(label, "twin", identity)
    with pytest.raises(InvalidInputError, match="has several keys twin"):
        keep().load(f"{place};object=twin")
    sign_everything(keep().load(f"{place};object=twin;id=%02"))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("", "nothing says which PKCS#11 library"),
        ("libsofthsm2.so", "there is no PKCS#11 library libsofthsm2.so"),
        ("/nowhere.so", "there is no PKCS#11 library /nowhere.so"),
        (__file__, "cannot be used"),
    ],
)
def test_a_library_that_is_none_is_told(keep, place, module, message):
    with pytest.raises(InvalidInputError, match=message):
        keep(pkcs11_module=module).load(f"{place};object=a")


def test_the_library_may_stand_in_the_uri(keep, softhsm):
    new = keep().create("a")
    reference = f"{new.reference}?module-path={softhsm.module}"
    assert keep(pkcs11_module="").load(reference).public_key == new.signer.public_key


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (p11.PinLocked, "has locked its PIN after too many wrong ones"),
        (p11.PinIncorrect, "refuses the PIN"),
        (p11.PinLenRange, "refuses the PIN"),
    ],
)
def test_what_a_login_answers_is_told_and_remembered(keep, place, monkeypatch, raised, message):
    tries = []

    class Card:
        flags = TokenFlag(0)

        def open(self, **_):
            tries.append(1)
            raise raised

    monkeypatch.setattr(tokens.Token, "_find", lambda _: Card())
    keeper = keep()
    for _ in range(3):
        with pytest.raises(PinError, match=message):
            keeper.load(f"{place};object=a")
    assert tries == [1]


def test_a_pin_that_is_no_text_is_not_given(keep, place):
    keeper = keep()
    keeper._pin = lambda: b"\xff\xfe\xfd\xfc"
    with pytest.raises(PinError, match="is not UTF-8"):
        keeper.load(f"{place};object=a")
