"""What every peer is, and what it is given."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.authority import Authority
from bench.certificates import Certificates
from pgward.core.address import Address

Hops = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer: ``hops`` maps ``client`` and ``edge`` to the roots of their process trees.

    ``login`` is the connection string of a peer that takes PostgreSQL's clients themselves.

    ``configuration`` maps file names to what an administrator would have written, for the report.
    """

    name: str
    address: Address
    hops: Hops = field(default_factory=dict)
    configuration: Mapping[str, str] = field(default_factory=dict)
    login: str = ""

    @property
    def there(self) -> Address | str:
        """Where clients connect to."""
        return self.login or self.address


class Link(Protocol):
    """The network between the two hops (for ``direct``: between the client and PostgreSQL)."""

    def __call__(self, target: Address, /) -> AbstractContextManager[Address]:
        """Return, for the block, the address at which ``target`` is reached."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer lives: a directory of its own, the same certificates and the same PostgreSQL."""

    directory: Path
    certificates: Certificates
    upstream: Address
    link: Link
    authority: Authority | None = None


Starter = Callable[[Site], AbstractContextManager[Peer]]


@contextmanager
def straight(target: Address) -> Iterator[Address]:
    """Link two hops by nothing."""
    yield target
