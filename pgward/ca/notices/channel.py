"""What a channel is: it sends messages, and says which failures will pass."""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pgward.ca.notices.message import Message
from pgward.ca.notices.notice import Kind
from pgward.core.errors import PgwardError
from pgward.system import files

SECONDS: Final = 10.0
"""How long a channel may take for one step."""
_MOST_SECRET_BYTES: Final = 4096


class ChannelError(PgwardError):
    """A channel did not take a message; ``for_good`` when it never will, or not this one."""

    def __init__(
        self, message: str, *, for_good: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.for_good = for_good
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message, and where it goes: an e-mail address, or "" where the channel itself says."""

    message: Message
    address: str = ""


class Channel(Protocol):
    """Sends messages."""

    @property
    def name(self) -> str:
        """Return what the channel is called in the store."""
        ...

    @property
    def is_personal(self) -> bool:
        """Tell whether each message is for one person, and nobody else reads it."""
        ...

    def takes(self, kind: Kind) -> bool:
        """Tell whether notices of a kind go here."""
        ...

    def send(self, parcels: Sequence[Parcel]) -> Iterator[ChannelError | None]:
        """Send one after the other; yield for each None, or why not.

        Raises ChannelError when the channel is away, for those not yielded yet.
        """
        ...


def secret_of(path: Path, what: str) -> str:
    """Return the one line of a secret's file; raise ChannelError, which never quotes it."""
    try:
        text = files.read_regular(path, _MOST_SECRET_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ChannelError(f"{what} {path} cannot be read: {why.lower()}") from error
    line = text.strip("\r\n")
    if not line or not line.isprintable():
        raise ChannelError(f"{what} {path} is not one line of text")
    return line


def tls_context(ca_file: str, directory: Path) -> ssl.SSLContext:
    """Return what checks a server's certificate; raise ChannelError."""
    try:
        made = ssl.create_default_context(cafile=directory / ca_file if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ChannelError(
            f"ca_file {ca_file} cannot be read: {error.strerror or type(error).__name__}"
        ) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
