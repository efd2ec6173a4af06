"""Passwords: rules, and argon2id hashes (RFC 9106), never made on the event loop.

One verification takes 64 MiB and about 0.1 s, so few run at once, and few more may wait.
"""

import base64
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import argon2
from anyio.to_thread import run_sync

from pgward.core.errors import InvalidInputError, UnavailableError

MIN_LENGTH = 8
MAX_LENGTH = 256
_UNTYPED = ("Cc", "Cs")  # control characters, and surrogates, which no hash takes
_AT_ONCE = 2
_WAITING = 64
_SEARCHES = 8  # of many hashes each: one goes on, the others wait
_T = TypeVar("_T")


def check(password: str) -> str:
    """Return the password as it is hashed (NFC); raise InvalidInputError when it is no good."""
    normal = unicodedata.normalize("NFC", password)
    if not MIN_LENGTH <= len(normal) <= MAX_LENGTH:
        raise InvalidInputError(
            f"the password has {len(normal)} letters",
            hint=f"use {MIN_LENGTH} to {MAX_LENGTH}",
        )
    if any(unicodedata.category(letter) in _UNTYPED for letter in normal):
        raise InvalidInputError("the password contains a control character")
    if len(set(normal)) == 1:
        raise InvalidInputError("the password is one letter repeated", hint="choose another")
    return normal


class Passwords:
    """Hashes and verifies; verifying takes the same time whether or not there is a hash."""

    usual: Callable[[], argon2.PasswordHasher] = argon2.PasswordHasher

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or self.usual()
        self._dummy = _of_no_password(self._hasher)

    def hash(self, password: str) -> str:
        """Check the rules and return the encoded hash; blocks for about 0.1 s."""
        return self._hasher.hash(check(password))

    def verify(self, encoded: str | None, password: str) -> bool:
        """Tell whether the password is right; None (no such user, no password) is never right."""
        normal = unicodedata.normalize("NFC", password[:MAX_LENGTH])
        try:
            self._hasher.verify(encoded or self._dummy, normal)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return encoded is not None and len(password) <= MAX_LENGTH

    def is_outdated(self, encoded: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)


def _of_no_password(hasher: argon2.PasswordHasher) -> str:
    """Return a hash that takes as long as any other to verify, and took none to make."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    kind, version = hasher.type.name.lower(), argon2.low_level.ARGON2_VERSION
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{kind}$v={version}${costs}${salt}${digest}"


class PasswordWorkers:
    """Runs ``Passwords`` in a bounded number of threads: a flood cannot eat the memory."""

    def __init__(
        self, passwords: Passwords, *, at_once: int = _AT_ONCE, waiting: int = _WAITING
    ) -> None:
        self.passwords = passwords
        self._limiter = anyio.CapacityLimiter(at_once)
        self._room = at_once + waiting
        self._inside = 0
        self._search = anyio.CapacityLimiter(1)
        self._searches = 0

    async def hash(self, password: str) -> str:
        """As ``Passwords.hash``; UnavailableError when too many wait already."""
        normal = check(password)
        return await self._run(lambda: self.passwords.hash(normal))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """As ``Passwords.verify``; UnavailableError when too many wait already."""
        return await self._run(lambda: self.passwords.verify(encoded, password))

    async def is_one_of(self, encoded: Sequence[str], password: str) -> bool:
        """Tell whether it is the password of any of these hashes.

        They are verified one after the other, and one search at a time, so that logins get their
        turn. Raises UnavailableError when too many wait already.
        """
        if self._searches >= _SEARCHES:
            raise UnavailableError("too many new passwords at once", hint="try again in a minute")
        self._searches += 1
        try:
            async with self._search:
                for each in encoded:
                    if await self.verify(each, password):
                        return True
            return False
        finally:
            self._searches -= 1

    async def _run(self, function: Callable[[], _T]) -> _T:
        if self._inside >= self._room:
            raise UnavailableError("too many logins at once", hint="try again in a few seconds")
        self._inside += 1
        try:
            return await run_sync(function, limiter=self._limiter)
        finally:
            self._inside -= 1
