"""pgward's own CA for a run: the certificates of every peer, and the edges of the pgward pair."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.certificates import Certificates
from bench.processes import BenchError


@dataclass(slots=True)
class Authority:
    """A CA below ``directory``, an administrator, and one person who may use every service."""

    directory: Path

    @contextmanager
    def running(self) -> Iterator[Self]:
        raise BenchError("the pgward peer is not there yet; leave it out with --peers")
        yield self

    def certificates(self, directory: Path) -> Certificates:
        raise BenchError("the pgward peer is not there yet; leave it out with --peers")
