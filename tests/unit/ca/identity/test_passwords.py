import threading
import unicodedata

import anyio
import argon2
import pytest

from pgward.ca.identity import passwords as module
from pgward.ca.identity.passwords import Passwords, PasswordWorkers
from pgward.core.errors import InvalidInputError, UnavailableError

GOOD = "correct horse battery"


@pytest.mark.parametrize("password", ["12345678", GOOD, "päss wörd", "x y" * 80])
def test_good_passwords(password):
    assert module.check(password) == password


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "has 0 letters"),
        ("1234567", "has 7 letters"),
        ("ab" * 129, "has 258 letters"),
        ("12345678\n", "control character"),
        ("aaaaaaaaaaaa", "one letter repeated"),
    ],
)
def test_bad_passwords_are_refused_without_being_repeated(password, said):
    with pytest.raises(InvalidInputError, match=said) as caught:
        module.check(password)
    assert not password or password not in str(caught.value)


def test_the_right_password_and_no_other(passwords):
    encoded = passwords.hash(GOOD)
    assert passwords.verify(encoded, GOOD)
    assert not passwords.verify(encoded, GOOD + "x")
    assert not passwords.verify(encoded, "")
    assert not passwords.verify("not a hash", GOOD)
    assert not passwords.verify(None, "no one's password")


def test_the_way_a_letter_is_composed_does_not_matter(passwords):
    encoded = passwords.hash(unicodedata.normalize("NFD", "pässwörd"))
    assert passwords.verify(encoded, unicodedata.normalize("NFC", "pässwörd"))


def test_a_password_cut_at_the_limit_is_another_password(passwords):
    encoded = passwords.hash("ab" * 128)
    assert not passwords.verify(encoded, "ab" * 128 + "x")


@pytest.mark.parametrize("hasher", [argon2.PasswordHasher(), argon2.PasswordHasher(1, 8, 1, 16)])
def test_what_stands_for_no_hash_is_one_with_the_same_costs(hasher):
    stands = Passwords(hasher)._dummy
    made = hasher.hash("any")
    assert argon2.extract_parameters(stands) == argon2.extract_parameters(made)
    assert len(stands) == len(made)
    assert not hasher.check_needs_rehash(stands)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        hasher.verify(stands, "any")


def test_no_hash_costs_as_much_as_a_wrong_password(monkeypatch, passwords):
    asked = []
    hasher = passwords._hasher
    monkeypatch.setattr(
        passwords,
        "_hasher",
        type("Counting", (), {"verify": lambda _, h, p: asked.append((h, p))})(),
    )
    assert passwords.verify(None, "guess") is False
    assert asked == [(passwords._dummy, "guess")]
    assert hasher.check_needs_rehash(passwords._dummy) is False


def test_hashes_with_older_parameters_are_outdated(passwords):
    older = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    assert passwords.is_outdated(older.hash(GOOD))
    assert not passwords.is_outdated(passwords.hash(GOOD))


class _Slow(Passwords):
    def __init__(self):
        super().__init__()
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.running = self.most = 0

    def verify(self, encoded, password):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(10)
        with self.lock:
            self.running -= 1
        return super().verify(encoded, password)


def test_few_run_at_once_few_wait_and_more_are_turned_away():
    slow = _Slow()
    turned_away = []

    async def attempt(workers):
        try:
            await workers.verify(None, GOOD)
        except UnavailableError as error:
            turned_away.append(error.hint)
            slow.go.set()

    async def flood():
        workers = PasswordWorkers(slow, at_once=2, waiting=3)
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(attempt, workers)

    anyio.run(flood)
    assert turned_away == ["try again in a few seconds"]
    assert slow.most <= 2


def test_a_bad_new_password_is_refused_before_any_work():
    async def run():
        await PasswordWorkers(_Slow()).hash("short")

    with pytest.raises(InvalidInputError):
        anyio.run(run)


def test_one_of_several_hashes_is_found(passwords):
    hashes = [passwords.hash(each) for each in (GOOD, "another good one")]

    async def search(password, among=hashes):
        return await PasswordWorkers(passwords).is_one_of(among, password)

    assert anyio.run(search, "another good one")
    assert not anyio.run(search, "a third good one")
    assert not anyio.run(search, GOOD, [])


def test_searches_go_on_one_at_a_time_and_few_wait():
    slow = _Slow()
    turned_away = []

    async def search(workers):
        try:
            await workers.is_one_of(["x", "y"], GOOD)
        except UnavailableError as error:
            turned_away.append(error.message)
            slow.go.set()

    async def flood():
        workers = PasswordWorkers(slow, at_once=2)
        async with anyio.create_task_group() as group:
            for _ in range(9):
                group.start_soon(search, workers)
        assert workers._searches == 0

    anyio.run(flood)
    assert turned_away == ["too many new passwords at once"]
    assert slow.most == 1
