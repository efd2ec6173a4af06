"""What the commands share: options, passwords, and who is logged in."""

import functools
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from pgward.client.api import ApiClient
from pgward.client.phrases import counted
from pgward.client.session import Session
from pgward.core import names
from pgward.core.errors import InvalidInputError
from pgward.system import output as outputs
from pgward.system import terminal
from pgward.system.files import storage_errors
from pgward.system.paths import pgward_home

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_MAX_PASSWORD_FILE = 64 * 1024
_GENERATED_BYTES = 18  # 144 bits

output = outputs.option

password_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    allow_from_autoenv=False,
    help="Read the password from the first line of standard input.",
)


def password(command: Decorated) -> Decorated:
    """Add ``--password-stdin`` and ``--password-file``, given on as ``password_source``."""

    @functools.wraps(command)
    def with_source(
        *args: Any, password_stdin: bool, password_file: Path | None, **kwargs: Any
    ) -> Any:
        source = PasswordSource(stdin=password_stdin, file=password_file)
        return command(*args, password_source=source, **kwargs)

    file = click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read the password from the first line of FILE.",
    )
    return password_stdin(file(with_source))  # type: ignore[return-value]  # click's options keep the type


class PasswordSource:
    """Where passwords come from: standard input, a file, or else the terminal."""

    def __init__(self, *, stdin: bool, file: Path | None) -> None:
        if stdin and file is not None:
            raise InvalidInputError("--password-stdin and --password-file exclude each other")
        self.stdin = stdin
        self.file = file

    @property
    def given(self) -> bool:
        """Tell whether an option names a source."""
        return self.stdin or self.file is not None

    def read(self, label: str, *, new: bool = False) -> str:
        """Return the password; ask for it on the terminal, twice when it is new."""
        if self.stdin:
            return terminal.read_stdin_line()
        if self.file is not None:
            return first_line(self.file)
        return terminal.ask_password(label, confirm=new)


def first_line(path: Path) -> str:
    """Return a secret from a file; raise StorageError, InvalidInputError when there is none."""
    with storage_errors(path, "read"), path.open("rb") as file:
        line = file.readline(_MAX_PASSWORD_FILE).rstrip(b"\r\n")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise InvalidInputError("its first line is no password", where=str(path))
    return text


def generate_password() -> str:
    """Return a random password of 24 URL-safe characters."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


@contextmanager
def session() -> Iterator[Session]:
    """Open the login session of ``PGWARD_HOME``; LoginNeededError without one."""
    opened = Session.open(pgward_home())
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def api() -> Iterator[ApiClient]:
    """Give the API client of the person who is logged in."""
    with session() as opened:
        yield opened.api()


def revoked(reply: Mapping[str, Any]) -> str:
    """Report how many certificates an act of the CA revoked, and return it in words."""
    count = int(reply.get("revoked") or 0)
    terminal.count(certificates_revoked=count)
    return f"{counted(count, 'certificate')} revoked"


def of_person(name: str | None, *parts: str) -> str:
    """Return an API path below a person's own resources, or below another's, by name."""
    return path("me", *parts) if name is None else path("users", names.identity(name), *parts)


def path(*parts: str) -> str:
    """Join an API path under /v1, each part escaped."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])
