"""What a sink is, and the URLs that name sinks: ``SCHEME://WHERE#OPTION=VALUE,…``."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system.files import read_regular, storage_errors

MOST_LINES: Final = 500
MOST_BYTES: Final = 1024 * 1024
_MOST_SECRET = 64 * 1024


class SinkError(PgwardError):
    """A sink did not take lines; ``retryable`` says whether it may soon."""

    code = "sink"

    def __init__(self, message: str, *, retryable: bool = True, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class Sink(Protocol):
    """Takes lines, without line feeds."""

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Take them all, or raise SinkError."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class SinkUrl:
    """A sink's URL in parts; ``text`` is what was given."""

    text: str
    parts: SplitResult
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, schemes: Mapping[str, frozenset[str]]) -> Self:
        """Read a URL whose scheme is known, with options that it has; raise InvalidInputError."""
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError as error:
            raise InvalidInputError(f"the sink's URL cannot be read: {error}") from error
        if "@" in parts.netloc:
            raise InvalidInputError(
                "a sink's URL has no user or password: lists of processes show it",
                hint="put the secret into a file: …#secret=file:/etc/pgward/webhook.key",
            )
        known = schemes.get(parts.scheme)
        if known is None:
            names = ", ".join(f"{name}://" for name in schemes)
            raise InvalidInputError(f"{text!r} is no sink", hint=f"sinks begin with {names}")
        return cls(text, parts, _options(parts.fragment, known))

    @property
    def name(self) -> str:
        """A name for files: the scheme, and a little of the URL's hash."""
        return f"{self.parts.scheme}-{sha256(self.text.encode()).hexdigest()[:8]}"

    @property
    def host(self) -> str:
        """The host; raise InvalidInputError when there is none."""
        if not self.parts.hostname:
            raise InvalidInputError("the sink's URL names no host", where=self.text)
        return self.parts.hostname

    @property
    def http(self) -> str:
        """The URL of an HTTP request: without our scheme's first part, and without options."""
        scheme = self.parts.scheme.rpartition("+")[2]
        return self.parts._replace(scheme=scheme, fragment="").geturl()

    def number(self, name: str, default: int, most: int = 1 << 40) -> int:
        """Return an option that is a number, with k, M or G behind it; raise InvalidInputError."""
        text = self.options.get(name)
        if text is None:
            return default
        factor = _FACTORS.get(text[-1:], 1)
        digits = text[:-1] if factor > 1 else text
        if not digits.isascii() or not digits.isdecimal() or not 0 < int(digits) * factor <= most:
            raise InvalidInputError(f"{name} is a number such as 100M, not {text!r}")
        return int(digits) * factor

    def secret(self, name: str, environment: Mapping[str, str] = os.environ) -> bytes | None:
        """Return what ``file:PATH`` or ``env:NAME`` of an option holds, None without the option.

        Raises InvalidInputError, StorageError.
        """
        if (reference := self.options.get(name)) is None:
            return None
        kind, _, where = reference.partition(":")
        if kind == "file":
            with storage_errors(Path(where), "read"):
                value = read_regular(Path(where), _MOST_SECRET).strip()
        elif kind == "env":
            value = environment.get(where, "").encode()
        else:
            raise InvalidInputError(
                f"{name} is a reference, not the secret itself", hint="file:PATH or env:NAME"
            )
        if not value:
            raise InvalidInputError(f"{name} of the sink is empty", where=reference)
        return value


_FACTORS = {"k": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def batches(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield lines in lists of a size that every sink takes at once."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == MOST_LINES or size + len(line) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _options(fragment: str, known: frozenset[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, fragment.split(",")):
        name, equals, value = part.partition("=")
        if name not in known or not equals or name in options:
            hint = f"its options are {', '.join(sorted(known))}" if known else "it has none"
            raise InvalidInputError(f"{name!r} is no option of this sink", hint=hint)
        options[name] = unquote(value)
    return options
